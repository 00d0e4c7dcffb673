"""Residents and staff who are signed in show again who they are, before a sensitive act.

Whoever has an authenticator app shows that, or a recovery code; a resident without one is sent a
code (`resident.confirm`). A passkey is a way for everybody.
"""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of
from cardservice.web.factor_words import refusal
from cardservice.web.forms import typed_in
from cardservice.web.owners import owner_of, part_of
from cardservice.web.pages import page, see_other
from cardservice.web.relying_party import relying_party
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import Part, VisitorRequest, session_cookie
from cardservice.web.words import gettext as _
from identity import authenticator, passkeys, second_factor, sessions
from identity.oidc import logout_notices
from identity.oidc.spent import digest
from identity.passkeys import PasskeyRefused
from identity.personal import Vault
from identity.roles import Act
from identity.second_factor import FactorRefused
from identity.signin_models import SignInMethod

TEMPLATE: Final = "confirm.html"
OPT: Final = {ACT: Act.OWN_SIGN_IN}
_PARTNERS: Final = "partners"
WANTED: Final = frozenset(
    {
        *("app", "batches", "copy", "email", "erase", "mobile", "passkeys", "password", "people"),
        "requests",
        _PARTNERS,
    }
)
"""The pages that ask for a proof; nobody is sent anywhere else after it."""


@get("/confirm", opt=OPT)
async def ask(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    passkey: FromQuery[str] = "",
    wanted: FromQuery[str] = "",
) -> Response[str]:
    """Offer the ways to show it."""
    refused = {"passkey": _("The passkey was not accepted. Try again, or use a code")}
    faults = refused if passkey == "refused" else {}
    return await _page(request, session, vault, settings, now, wanted, faults)


@post("/confirm/app", status_code=200, opt=OPT)
async def give_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    wanted: FromQuery[str] = "",
) -> Response[Any]:
    """Take a code of the app, or a recovery code, as proof; or say what to do."""
    code = (await typed_in(request)).get("code", "").strip()
    if not code:
        faults = {"code": _("Enter the code")}
        return await _page(request, session, vault, settings, now, wanted, faults)
    owner, browser = await owner_of(request, session), browser_of(request)
    answer = await second_factor.prove(
        session, vault, owner, request.user.token, code, browser=browser, now=now
    )
    if isinstance(answer, FactorRefused):
        faults = {"code": refusal(answer, part_of(request))}
        return await _page(request, session, vault, settings, now, wanted, faults)
    return await proved(session, request, answer, wanted)


@post("/confirm/passkey", status_code=303, opt=OPT)
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
    resident = part_of(request) is Part.RESIDENT
    shown = passkeys.shown if resident else passkeys.shown_by_staff
    owner = await shown(session, vault, answer, party=party, now=now)
    base = base_of(request)
    if isinstance(owner, PasskeyRefused) or owner.id != own.subject_id:
        return see_other(f"{base}/confirm?passkey=refused&wanted={known(wanted)}")
    renewed = await sessions.rotate(session, own.token, proof=SignInMethod.PASSKEY, now=now)
    if not isinstance(renewed, str):
        return see_other(base)
    return await proved(session, request, renewed, wanted)


async def proved(
    session: AsyncSession, request: VisitorRequest, token: str, wanted: str
) -> Response[None]:
    """The token is a new one: sites that the resident is signed in to stay so under it."""
    part = part_of(request)
    if part is Part.RESIDENT:
        await logout_notices.session_rotated(session, digest(request.user.token), digest(token))
    of_partner = wanted == _PARTNERS and request.user.may(Act.WORK_FOR_PARTNER)
    path = f"{'' if of_partner else base_of(request)}/{known(wanted)}".rstrip("/")
    return see_other(path, cookies=[session_cookie(part, token)])


def base_of(request: VisitorRequest) -> str:
    """Where the pages of the visitor's part begin."""
    return part_of(request).base


def known(wanted: str) -> str:
    """A page of ours, or nothing: it goes back into an address."""
    return wanted if wanted in WANTED else ""


async def _page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    now: datetime,
    wanted: str,
    faults: dict[str, str],
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if "code" in faults else 200,
        faults=faults,
        typed={},
        options=passkeys.request_options(vault, relying_party(settings), now=now),
        has_app=await authenticator.has(session, await owner_of(request, session)),
        base=base_of(request),
        wanted=known(wanted),
    )
