"""Residents begin to register: their e-mail address, and the code that proves it.

Nothing here or on the pages after it says whether an address is known: its code signs in whoever
has an account, and lets everybody else go on.
"""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.code_words import code_refusal
from cardservice.web.contact_cookies import registration_cookie, registration_token
from cardservice.web.doors import CODES, DOOR, FAILURES, count
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.resident.onward import carry, sign_in_page
from cardservice.web.resident.second_step import next_page
from cardservice.web.visitors import AnyRequest
from cardservice.web.words import gettext as _
from identity import registrations, signin
from identity.codes import CodeRefused
from identity.contacts import email_at
from identity.details import can_be_email
from identity.personal import Vault
from identity.registrations import NoRegistration, Pending
from identity.signin import NoAccount

EMAIL: Final = "register/email.html"
CODE: Final = "register/code.html"
AGAIN: Final = "register/again.html"
NEW: Final = "register/new.html"
FIRST_STEP: Final = "/register/name"


@get("/")
async def ask_email(request: AnyRequest) -> Response[str]:
    """Ask for the e-mail address."""
    return sign_in_page(request, EMAIL, typed={})


@post("/", status_code=200, opt={DOOR: CODES})
async def send_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a code, and begin; the answer is the same whether or not we know the address."""
    typed = await typed_in(request)
    email = typed.get("email", "").strip()
    if fault := _fault_in(email):
        return sign_in_page(request, EMAIL, faults={"email": fault}, typed=typed)
    browser, before = browser_of(request), registration_token(request)
    await signin.send_code(session, vault, email, browser=browser, now=now)
    token = await registrations.begin(session, vault, email, token=before, now=now)
    await count(request, session, now)
    cookies = [registration_cookie(token), device_cookie(browser)]
    return see_other(carry(request, "/register/code"), cookies=cookies)


@get("/code")
async def ask_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for the code."""
    pending = await pending_of(request, session, vault, now)
    if isinstance(pending, NoRegistration):
        return see_other(carry(request, "/register"))
    return _code_page(request, pending)


@post("/code", status_code=200, opt={DOOR: FAILURES})
async def give_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the code: sign somebody in who has an account, and let everybody else go on."""
    pending = await pending_of(request, session, vault, now)
    if isinstance(pending, NoRegistration):
        return see_other(carry(request, "/register"))
    code, browser = (await typed_in(request)).get("code", "").strip(), browser_of(request)
    if not code:
        return _code_page(request, pending, _("Enter the code"))
    answer = await signin.redeem(
        session, vault, email_at(pending.email), code, browser=browser, now=now
    )
    if isinstance(answer, CodeRefused):
        await count(request, session, now)
        return _code_page(request, pending, code_refusal(answer.reason))
    if isinstance(answer, NoAccount):
        return await _go_on(request, session, now)
    onward = next_page(request, answer)
    onward.set_cookie(registration_cookie(""))
    return onward


@get("/again")
async def ask_again(request: AnyRequest) -> Response[str]:
    """After a pause: say that nothing is lost, and that the address must be proved again."""
    return sign_in_page(request, AGAIN, typed={})


@post("/again", status_code=303, opt={DOOR: CODES})
async def send_again(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Send another code to the address of the registration."""
    pending = await pending_of(request, session, vault, now)
    if isinstance(pending, NoRegistration):
        return see_other(carry(request, "/register"))
    browser = browser_of(request)
    await signin.send_code(session, vault, pending.email, browser=browser, now=now)
    await count(request, session, now)
    return see_other(carry(request, "/register/code"), cookies=[device_cookie(browser)])


@get("/new")
async def offer(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Somebody proved at sign-in an address that no account has: say what they can do."""
    pending = await pending_of(request, session, vault, now)
    if isinstance(pending, NoRegistration) or not pending.is_proved:
        return see_other(carry(request, "/register"))
    return sign_in_page(request, NEW, typed={}, email=pending.email)


async def pending_of(
    request: AnyRequest, session: AsyncSession, vault: Vault, now: datetime
) -> Pending | NoRegistration:
    """The registration under way at this browser."""
    return await registrations.look_up(session, vault, registration_token(request), now=now)


async def _go_on(request: AnyRequest, session: AsyncSession, now: datetime) -> Response[None]:
    token = await registrations.prove(session, registration_token(request), now=now)
    if isinstance(token, NoRegistration):
        return see_other(carry(request, "/register"))
    return see_other(carry(request, FIRST_STEP), cookies=[registration_cookie(token)])


def _code_page(request: AnyRequest, pending: Pending, fault: str = "") -> Response[str]:
    """The address is shown to who just typed it, and not to who came back after a pause."""
    faults = {"code": fault} if fault else {}
    return sign_in_page(request, CODE, faults=faults, typed={}, begun=bool(pending.typed))


def _fault_in(email: str) -> str:
    if not email:
        return _("Enter your e-mail address")
    if not can_be_email(email_at(email).value):
        return _("Enter an e-mail address in the correct format, like name@example.com")
    return ""
