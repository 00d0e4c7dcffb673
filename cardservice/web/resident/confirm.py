"""Somebody who is signed in shows again who they are, before a sensitive act."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.resident.passkeys import AT, relying_party
from cardservice.web.resident.sign_in import code_refusal
from cardservice.web.visitors import Part, VisitorRequest, session_cookie
from cardservice.web.words import gettext as _
from identity import passkeys, sessions, signin
from identity.models import SignInMethod
from identity.passkeys import PasskeyRefused
from identity.personal import Vault
from identity.signin import CodeRefused

ASK: Final = "resident/confirm.html"
CODE: Final = "resident/confirm_code.html"


@get("/confirm")
async def ask(
    request: VisitorRequest,
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    passkey: FromQuery[str] = "",
) -> Response[str]:
    """Offer the ways to show it."""
    refused = {"passkey": _("The passkey was not accepted. Try again, or ask for a code")}
    options = passkeys.request_options(vault, relying_party(settings), now=now)
    return page(request, ASK, faults=refused if passkey == "refused" else {}, options=options)


@post("/confirm", status_code=303)
async def send_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Send a code to the address of the visitor's own account."""
    await signin.send_proof_code(session, vault, request.user.signed_in, now=now)
    return see_other("/account/confirm/code")


@get("/confirm/code")
async def ask_code(request: VisitorRequest) -> Response[str]:
    """Ask for the code."""
    return page(request, CODE, typed={})


@post("/confirm/code", status_code=200)
async def give_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the code as proof, or say what to do."""
    typed = await typed_in(request)
    code, own = typed.get("code", "").strip(), request.user
    if not code:
        return page(request, CODE, status=422, faults={"code": _("Enter the code")}, typed=typed)
    answer = await signin.prove_by_code(session, vault, own.signed_in, own.token, code, now=now)
    if isinstance(answer, CodeRefused):
        faults = {"code": code_refusal(answer.reason)}
        return page(request, CODE, status=422, faults=faults, typed=typed)
    return see_other(AT, cookies=[session_cookie(Part.RESIDENT, answer)])


@post("/confirm/passkey", status_code=303)
async def show_passkey(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Take a passkey as proof: one of the visitor's own."""
    answer = (await typed_in(request)).get("credential", "")
    party, own = relying_party(settings), request.user
    account = await passkeys.shown(session, vault, answer, party=party, now=now)
    if isinstance(account, PasskeyRefused) or account.id != own.subject_id:
        return see_other("/account/confirm?passkey=refused")
    renewed = await sessions.rotate(session, own.token, proof=SignInMethod.PASSKEY, now=now)
    if not isinstance(renewed, str):
        return see_other("/account/confirm")
    return see_other(AT, cookies=[session_cookie(Part.RESIDENT, renewed)])
