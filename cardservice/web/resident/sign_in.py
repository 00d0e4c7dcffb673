"""Residents sign in with a code by e-mail or text message; the page offers passkeys too."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.code_words import code_refusal
from cardservice.web.contact_cookies import ContactCookie, registration_cookie, shown
from cardservice.web.doors import CODES, DOOR, FAILURES, count
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.relying_party import relying_party
from cardservice.web.resident.onward import carry, sign_in_page
from cardservice.web.resident.second_step import next_page
from cardservice.web.visitors import (
    AnyRequest,
    Part,
    VisitorRequest,
    no_cookie,
)
from cardservice.web.words import gettext as _
from identity import passkeys, registrations, sessions, signin
from identity.codes import CodeRefused, WhyCodeRefused
from identity.contacts import Channel, Contact, email_at, mobile_at
from identity.details import LONGEST_EMAIL
from identity.errors import BadMobile
from identity.personal import Vault
from identity.signin import NoAccount

ADDRESS: Final = ContactCookie("__Host-kentcard-address")
ASK: Final = "resident/sign_in.html"
MOBILE: Final = "resident/mobile_sign_in.html"
CODE: Final = "resident/code.html"


@get("/")
async def ask_address(
    request: AnyRequest,
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    passkey: FromQuery[str] = "",
) -> Response[str]:
    """Ask for the e-mail address, or a passkey."""
    refused = {"passkey": _("The passkey was not accepted. Try again, or ask for a code")}
    options = passkeys.request_options(vault, relying_party(settings), now=now)
    faults = refused if passkey == "refused" else {}
    return sign_in_page(request, ASK, faults=faults, typed={}, options=options)


@post("/", status_code=200, opt={DOOR: CODES})
async def send_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a code; the answer is the same whether or not we know the address."""
    typed = await typed_in(request)
    email = typed.get("email", "").strip()
    if faults := faults_in_address(email):
        options = passkeys.request_options(vault, relying_party(settings), now=now)
        return sign_in_page(request, ASK, faults=faults, typed=typed, options=options)
    browser, to = browser_of(request), email_at(email)
    await signin.send_code_to(session, vault, to, browser=browser, now=now)
    await count(request, session, now)
    cookies = [ADDRESS.of(to), device_cookie(browser)]
    return see_other(carry(request, "/sign-in/code"), cookies=cookies)


@get("/code")
async def ask_code(request: AnyRequest) -> Response[Any]:
    """Ask for the code."""
    to = ADDRESS.read(request)
    if to is None:
        return see_other(carry(request, "/sign-in"))
    return _code_page(request, to)


@post("/code", status_code=200, opt={DOOR: FAILURES})
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in with the code, or say what to do."""
    to = ADDRESS.read(request)
    if to is None:
        return see_other(carry(request, "/sign-in"))
    code = (await typed_in(request)).get("code", "").strip()
    if not code:
        return _code_page(request, to, fault=_("Enter the code"))
    browser = browser_of(request)
    answer = await signin.redeem(session, vault, to, code, browser=browser, now=now)
    if isinstance(answer, CodeRefused):
        await count(request, session, now)
        return _code_page(request, to, code, code_refusal(answer.reason))
    if isinstance(answer, NoAccount):
        return await _offer_to_register(request, session, vault, to, now)
    onward = next_page(request, answer)
    onward.set_cookie(ADDRESS.forget())
    return onward


@post("/sign-out", status_code=303)
async def sign_out(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """End the session, here and on the server."""
    await sessions.end(session, request.user.token, actor=request.user.actor, now=now)
    return see_other("/sign-in", cookies=[no_cookie(Part.RESIDENT)])


@get("/mobile")
async def ask_mobile(request: AnyRequest) -> Response[str]:
    """Ask for the mobile number."""
    return sign_in_page(request, MOBILE, typed={})


@post("/mobile", status_code=200, opt={DOOR: CODES})
async def send_text(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a code to the number; the answer is the same whether or not we know it."""
    typed = await typed_in(request)
    try:
        to = mobile_at(typed.get("mobile", ""))
    except BadMobile as error:
        return sign_in_page(request, MOBILE, faults={"mobile": str(error)}, typed=typed)
    browser = browser_of(request)
    await signin.send_code_to(session, vault, to, browser=browser, now=now)
    await count(request, session, now)
    cookies = [ADDRESS.of(to), device_cookie(browser)]
    return see_other(carry(request, "/sign-in/code"), cookies=cookies)


async def _offer_to_register(
    request: AnyRequest, session: AsyncSession, vault: Vault, to: Contact, now: datetime
) -> Response[Any]:
    """Nobody has an account with this address, and whoever reads what goes there may be told."""
    if to.channel is Channel.MOBILE:  # no code ever went there
        return _code_page(request, to, fault=code_refusal(WhyCodeRefused.WRONG))
    token = await registrations.begin_proved(session, vault, to.value, now=now)
    cookies = [registration_cookie(token), ADDRESS.forget()]
    return see_other(carry(request, "/register/new"), cookies=cookies)


def _code_page(request: AnyRequest, to: Contact, code: str = "", fault: str = "") -> Response[str]:
    faults, typed = {"code": fault} if fault else {}, {"code": code}
    return sign_in_page(
        request, CODE, faults=faults, typed=typed, to=shown(to), again=_asked_at(to)
    )


def _asked_at(to: Contact) -> str:
    return "/sign-in" if to.channel is Channel.EMAIL else "/sign-in/mobile"


def faults_in_address(email: str) -> dict[str, str]:
    """What is wrong with an address that was typed to sign in."""
    if not email:
        return {"email": _("Enter your e-mail address")}
    if "@" not in email or len(email) > LONGEST_EMAIL:
        return {"email": _("Enter an e-mail address in the correct format, like name@example.com")}
    return {}
