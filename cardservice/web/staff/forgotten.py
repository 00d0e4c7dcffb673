"""Members of staff who forgot their password are sent a code, and choose another with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.code_words import code_refusal
from cardservice.web.contact_cookies import ContactCookie
from cardservice.web.doors import CODES, DOOR, FAILURES, count
from cardservice.web.forms import typed_in
from cardservice.web.guards import HASHES
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import AnyRequest, Part
from cardservice.web.words import gettext as _
from identity import staff_reset
from identity.codes import CodeRefused
from identity.contacts import Channel, Contact
from identity.errors import InvalidDetails
from identity.passwords import SHORTEST
from identity.personal import Vault

NAME: Final = ContactCookie("__Host-kentcard-staff-name")
ASK: Final = "staff/forgotten.html"
CHOOSE: Final = "staff/forgotten_code.html"
LONGEST_NAME: Final = 64
_AT: Final = Part.STAFF.sign_in


@get("/forgotten")
async def ask(request: AnyRequest) -> Response[str]:
    """Ask for the user name."""
    return page(request, ASK, typed={})


@post("/forgotten", status_code=200, opt={DOOR: CODES})
async def send_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a code; the answer is the same whether or not somebody has that user name."""
    typed = await typed_in(request)
    name = typed.get("username", "").strip()
    if not name or len(name) > LONGEST_NAME:
        faults = {"username": _("Enter your user name")}
        return page(request, ASK, status=422, faults=faults, typed=typed)
    browser = browser_of(request)
    await staff_reset.ask(session, vault, name, browser=browser, now=now)
    await count(request, session, now)
    cookies = [NAME.of(Contact(Channel.EMAIL, name)), device_cookie(browser)]
    return see_other(f"{_AT}/forgotten/code", cookies=cookies)


@get("/forgotten/code")
async def ask_code(request: AnyRequest) -> Response[str]:
    """Ask for the code and a new password; also of somebody an administrator had one sent to."""
    name = NAME.read(request)
    return _form(request, {"username": name.value if name else ""}, asked=name is not None)


@post("/forgotten/code", status_code=200, opt={HASHES: True, DOOR: FAILURES})
async def choose(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Set the password, or say what is wrong; the code and password stay in no form."""
    typed = await typed_in(request)
    name, code, password = (typed.get(each, "") for each in ("username", "code", "password"))
    if faults := _faults_in(name, code, password):
        return _form(request, typed, faults=faults)
    browser = browser_of(request)
    try:
        answer = await staff_reset.choose(
            session, vault, name, code, password, browser=browser, now=now
        )
    except InvalidDetails as error:
        return _form(request, typed, faults=error.faults)
    if isinstance(answer, CodeRefused):
        await count(request, session, now)
        return _form(request, typed, faults={"code": code_refusal(answer.reason)})
    return see_other(f"{_AT}?done=password", cookies=[NAME.forget()])


def _faults_in(name: str, code: str, password: str) -> dict[str, str]:
    faults = {}
    if not name.strip() or len(name) > LONGEST_NAME:
        faults["username"] = _("Enter your user name")
    if not code.strip():
        faults["code"] = _("Enter the code")
    if not password:
        faults["password"] = _("Enter a new password")
    return faults


def _form(
    request: AnyRequest,
    typed: Mapping[str, str],
    *,
    faults: dict[str, str] | None = None,
    asked: bool = False,
) -> Response[str]:
    shown = {"username": typed.get("username", ""), "code": typed.get("code", "")}
    return page(
        request,
        CHOOSE,
        status=422 if faults else 200,
        faults=faults,
        typed=shown,
        shortest=SHORTEST,
        asked=asked,
    )
