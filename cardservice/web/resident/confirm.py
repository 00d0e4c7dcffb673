"""A resident without an authenticator app shows who they are with a code by e-mail (step-up)."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.code_words import code_refusal
from cardservice.web.confirm import known, proved
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import signin
from identity.codes import CodeRefused
from identity.personal import Vault

CODE: Final = "resident/confirm_code.html"


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
    path = f"/account/confirm/code?wanted={known(wanted)}"
    return see_other(path, cookies=[device_cookie(browser)])


@get("/confirm/code")
async def ask_code(request: VisitorRequest, wanted: FromQuery[str] = "") -> Response[str]:
    """Ask for the code."""
    return page(request, CODE, typed={}, wanted=known(wanted))


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
    return await proved(session, request, answer, wanted)


def _code_again(request: VisitorRequest, typed: Typed, wanted: str, fault: str) -> Response[str]:
    faults = {"code": fault}
    return page(request, CODE, status=422, faults=faults, typed=typed, wanted=known(wanted))
