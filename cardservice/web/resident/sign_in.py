"""Residents sign in with a code sent to their e-mail address; the page offers passkeys too."""

import base64
import binascii
from datetime import datetime
from typing import Any, Final, assert_never

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of, device_cookie
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
    host_cookie,
    no_cookie,
)
from cardservice.web.words import gettext as _
from identity import passkeys, sessions, signin
from identity.details import LONGEST_EMAIL
from identity.personal import Vault
from identity.signin import CODE_LIFE, CodeRefused, WhyCodeRefused

ADDRESS_COOKIE: Final = "__Host-kentcard-address"
ASK: Final = "resident/sign_in.html"
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
    browser = browser_of(request)
    await signin.send_code(session, vault, email, browser=browser, now=now)
    await count(request, session, now)
    cookies = [_address_cookie(email), device_cookie(browser)]
    return see_other(carry(request, "/sign-in/code"), cookies=cookies)


@get("/code")
async def ask_code(request: AnyRequest) -> Response[Any]:
    """Ask for the code."""
    email = _address(request)
    if not email:
        return see_other(carry(request, "/sign-in"))
    return sign_in_page(request, CODE, typed={}, email=email)


@post("/code", status_code=200, opt={DOOR: FAILURES})
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in with the code, or say what to do."""
    email = _address(request)
    if not email:
        return see_other(carry(request, "/sign-in"))
    typed = await typed_in(request)
    code = typed.get("code", "").strip()
    if not code:
        faults = {"code": _("Enter the code")}
        return sign_in_page(request, CODE, faults=faults, typed=typed, email=email)
    browser = browser_of(request)
    answer = await signin.redeem_code(session, vault, email, code, browser=browser, now=now)
    if isinstance(answer, CodeRefused):
        await count(request, session, now)
        faults = {"code": code_refusal(answer.reason)}
        return sign_in_page(request, CODE, faults=faults, typed=typed, email=email)
    onward = next_page(request, answer)
    onward.set_cookie(_address_cookie(""))
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


def faults_in_address(email: str) -> dict[str, str]:
    """What is wrong with an address that was typed to sign in."""
    if not email:
        return {"email": _("Enter your e-mail address")}
    if "@" not in email or len(email) > LONGEST_EMAIL:
        return {"email": _("Enter an e-mail address in the correct format, like name@example.com")}
    return {}


def code_refusal(reason: WhyCodeRefused) -> str:
    """What is said of a code that was refused."""
    match reason:
        case WhyCodeRefused.WRONG:
            return _("The code is wrong. Check the newest message we sent you")
        case WhyCodeRefused.NO_LONGER_VALID:
            return _("The code no longer works. Ask for another code")
        case never:
            assert_never(never)


def _address_cookie(email: str) -> Cookie:
    """The address between the two pages: in a cookie, because an address bar is no place for it."""
    value = base64.urlsafe_b64encode(email.encode(errors="replace")).decode()
    lasts = int(CODE_LIFE.total_seconds()) if email else 0
    return host_cookie(ADDRESS_COOKIE, value, max_age=lasts)


def _address(request: AnyRequest) -> str:
    try:
        return base64.urlsafe_b64decode(request.cookies.get(ADDRESS_COOKIE, "")).decode()
    except (binascii.Error, ValueError):
        return ""
