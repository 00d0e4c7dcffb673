"""Somebody who is signed in shows again who they are, before a sensitive act."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.resident.passkeys import relying_party
from cardservice.web.resident.sign_in import code_refusal
from cardservice.web.visitors import Part, VisitorRequest, session_cookie
from cardservice.web.words import gettext as _
from identity import passkeys, sessions, signin
from identity.codes import CodeRefused
from identity.oidc import logout_notices
from identity.oidc.spent import digest
from identity.passkeys import PasskeyRefused
from identity.personal import Vault
from identity.signin_models import SignInMethod

ASK: Final = "resident/confirm.html"
CODE: Final = "resident/confirm_code.html"
WANTED: Final = frozenset({"passkeys", "password", "email", "mobile"})
"""The pages that ask for a proof; nobody is sent anywhere else after it."""


@get("/confirm")
async def ask(
    request: VisitorRequest,
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    passkey: FromQuery[str] = "",
    wanted: FromQuery[str] = "",
) -> Response[str]:
    """Offer the ways to show it."""
    refused = {"passkey": _("The passkey was not accepted. Try again, or ask for a code")}
    options = passkeys.request_options(vault, relying_party(settings), now=now)
    faults = refused if passkey == "refused" else {}
    return page(request, ASK, faults=faults, options=options, wanted=_known(wanted))


@post("/confirm", status_code=303)
async def send_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    wanted: FromQuery[str] = "",
) -> Response[None]:
    """Send a code to the address of the visitor's own account."""
    own, browser = request.user.signed_in, browser_of(request)
    await signin.send_proof_code(session, vault, own, browser=browser, now=now)
    path = f"/account/confirm/code?wanted={_known(wanted)}"
    return see_other(path, cookies=[device_cookie(browser)])


@get("/confirm/code")
async def ask_code(request: VisitorRequest, wanted: FromQuery[str] = "") -> Response[str]:
    """Ask for the code."""
    return page(request, CODE, typed={}, wanted=_known(wanted))


@post("/confirm/code", status_code=200)
async def give_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    wanted: FromQuery[str] = "",
) -> Response[Any]:
    """Take the code as proof, or say what to do."""
    typed = await typed_in(request)
    code, own = typed.get("code", "").strip(), request.user
    if not code:
        return _code_again(request, typed, wanted, _("Enter the code"))
    answer = await signin.prove_by_code(
        session, vault, own.signed_in, own.token, code, browser=browser_of(request), now=now
    )
    if isinstance(answer, CodeRefused):
        return _code_again(request, typed, wanted, code_refusal(answer.reason))
    return await _proved(session, request, answer, wanted)


@post("/confirm/passkey", status_code=303)
async def show_passkey(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    wanted: FromQuery[str] = "",
) -> Response[None]:
    """Take a passkey as proof: one of the visitor's own."""
    answer = (await typed_in(request)).get("credential", "")
    party, own = relying_party(settings), request.user
    account = await passkeys.shown(session, vault, answer, party=party, now=now)
    if isinstance(account, PasskeyRefused) or account.id != own.subject_id:
        return see_other(f"/account/confirm?passkey=refused&wanted={_known(wanted)}")
    renewed = await sessions.rotate(session, own.token, proof=SignInMethod.PASSKEY, now=now)
    if not isinstance(renewed, str):
        return see_other("/account")
    return await _proved(session, request, renewed, wanted)


def _code_again(request: VisitorRequest, typed: Typed, wanted: str, fault: str) -> Response[str]:
    faults = {"code": fault}
    return page(request, CODE, status=422, faults=faults, typed=typed, wanted=_known(wanted))


async def _proved(
    session: AsyncSession, request: VisitorRequest, token: str, wanted: str
) -> Response[None]:
    """The token is a new one: sites that the resident is signed in to stay so under it."""
    await logout_notices.session_rotated(session, digest(request.user.token), digest(token))
    path = f"/account/{_known(wanted)}".rstrip("/")
    return see_other(path, cookies=[session_cookie(Part.RESIDENT, token)])


def _known(wanted: str) -> str:
    return wanted if wanted in WANTED else ""
