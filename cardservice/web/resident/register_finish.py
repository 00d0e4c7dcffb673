"""The end of a registration: a mobile number for who wants one, and the answers once more."""

from datetime import datetime
from typing import Any, Final, assert_never

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.code_words import code_refusal
from cardservice.web.contact_cookies import (
    registration_cookie,
    registration_token,
    shown,
)
from cardservice.web.doors import CODES, DOOR, FAILURES, count
from cardservice.web.forms import Typed, typed_day, typed_in
from cardservice.web.pages import see_other
from cardservice.web.resident.onward import after_sign_in, carry, handle_of, sign_in_page
from cardservice.web.resident.register import pending_of
from cardservice.web.resident.register_steps import (
    ADDRESS_LINES,
    CHECK,
    is_too_young,
    keep,
    lost,
    next_step,
    not_ready,
    step_page,
    too_young_page,
)
from cardservice.web.resident.second_step import next_page
from cardservice.web.visitors import AnyRequest, Part, session_cookie
from cardservice.web.words import gettext as _
from identity import registrations
from identity.accounts import InUse
from identity.codes import CodeRefused
from identity.contacts import Contact, mobile_at
from identity.dates import parse_date
from identity.details import SelfAsserted
from identity.devices import Browser
from identity.errors import BadMobile
from identity.personal import Vault
from identity.places import normalise_postcode
from identity.registrations import (
    EmailClosed,
    Faulty,
    NoRegistration,
    Pending,
    TooYoung,
)
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn

MOBILE: Final = "register/mobile.html"
MOBILE_CODE: Final = "register/mobile_code.html"
ANSWERS: Final = "register/check.html"
CLOSED: Final = "register/closed.html"


@get("/mobile")
async def ask_mobile(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for a mobile number, which nobody needs to give."""
    pending = await pending_of(request, session, vault, now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or see_other(carry(request, "/register"))
    return step_page(request, "mobile", MOBILE, pending.typed)


@post("/mobile", status_code=200, opt={DOOR: CODES})
async def give_mobile(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a code to the number, or go on without one."""
    pending = await keep(request, session, vault, ("mobile",), now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or await lost(request)
    if not pending.typed["mobile"].strip():
        return see_other(carry(request, f"/register/{next_step(pending, now)}"))
    try:
        number = mobile_at(pending.typed["mobile"])
    except BadMobile as error:
        faults = {"mobile": str(error)}
        return step_page(request, "mobile", MOBILE, pending.typed, faults)
    if number.value == pending.mobile:
        return see_other(carry(request, f"/register/{next_step(pending, now)}"))
    token = registration_token(request)
    await registrations.ask_mobile(session, vault, token, number, now=now)
    await count(request, session, now)
    return see_other(carry(request, "/register/mobile-code"))


@get("/mobile-code")
async def ask_mobile_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for the code that went to the number."""
    pending = await pending_of(request, session, vault, now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or see_other(carry(request, "/register"))
    number = _number(pending)
    if number is None:
        return see_other(carry(request, "/register/mobile"))
    return sign_in_page(request, MOBILE_CODE, typed={}, to=shown(number))


@post("/mobile-code", status_code=200, opt={DOOR: FAILURES})
async def give_mobile_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the code, or say what to do."""
    code = (await typed_in(request)).get("code", "").strip()
    pending = await pending_of(request, session, vault, now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or see_other(carry(request, "/register"))
    number = _number(pending)
    if number is None:
        return see_other(carry(request, "/register/mobile"))
    if not code:
        return _code_again(request, number, _("Enter the code"))
    token = registration_token(request)
    refused = await registrations.prove_mobile(session, vault, token, number, code, now=now)
    if isinstance(refused, CodeRefused):
        await count(request, session, now)
        return _code_again(request, number, code_refusal(refused.reason))
    if isinstance(refused, InUse):
        faults = {"mobile": registrations.MOBILE_IN_USE}
        return step_page(request, "mobile", MOBILE, pending.typed, faults)
    return see_other(carry(request, f"/register/{CHECK}"))


@get(f"/{CHECK}")
async def show_answers(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Show every answer; first ask what is missing."""
    pending = await pending_of(request, session, vault, now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or see_other(carry(request, "/register"))
    if is_too_young(pending, settings, now):
        return too_young_page(request, settings)
    missing = next_step(pending, now)
    if missing != CHECK:
        return see_other(carry(request, f"/register/{missing}"))
    return _answers_page(request, pending)


@post(f"/{CHECK}", status_code=200)
async def finish(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Make the account and sign its resident in."""
    token, browser = registration_token(request), browser_of(request)
    pending = await pending_of(request, session, vault, now)
    if isinstance(pending, Pending) and not pending.is_proved:
        return see_other(carry(request, "/register/again"))
    typed = pending.typed if isinstance(pending, Pending) else {}
    done = await registrations.finish(
        session,
        vault,
        token,
        _said(typed),
        least_age=settings.minimum_age,
        browser=browser,
        now=now,
    )
    if isinstance(done, CodeNeeded):
        return next_page(request, done)
    return _after(request, done, pending, browser, settings, now)


def _after(
    request: AnyRequest,
    done: SignedIn | NoRegistration | TooYoung | Faulty | EmailClosed,
    pending: Pending | NoRegistration,
    browser: Browser,
    settings: Settings,
    now: datetime,
) -> Response[Any]:
    """On to the account, or to what keeps it from being made."""
    match done:
        case SignedIn():
            return _in(request, done, browser)
        case TooYoung():
            answer: Response[Any] = too_young_page(request, settings)
        case EmailClosed():
            answer = sign_in_page(request, CLOSED, typed={})
        case Faulty() if isinstance(pending, Pending):
            step = "mobile" if "mobile" in done.faults else next_step(pending, now)
            answer = see_other(carry(request, f"/register/{step}"))
        case Faulty() | NoRegistration():
            answer = see_other(carry(request, "/register"))
        case never:
            assert_never(never)
    return answer


def _in(request: AnyRequest, signed_in: SignedIn, browser: Browser) -> Response[Any]:
    """To the site that asked, or to what can be done next."""
    cookies = [session_cookie(Part.RESIDENT, signed_in.token), device_cookie(browser)]
    cookies.append(registration_cookie(""))
    if handle_of(request):
        return after_sign_in(request, cookies)
    return see_other("/account/welcome", cookies=cookies)


def _said(typed: Typed) -> SelfAsserted:
    return SelfAsserted(
        given_names=typed.get("given_names", ""),
        family_name=typed.get("family_name", ""),
        birth_date=typed_day(typed, "birth_date"),
        address_lines=tuple(typed.get(field, "") for field in ADDRESS_LINES),
        postcode=typed.get("postcode", ""),
        email="",
    )


def _number(pending: Pending) -> Contact | None:
    try:
        return mobile_at(pending.typed.get("mobile", ""))
    except BadMobile:
        return None


def _code_again(request: AnyRequest, number: Contact, fault: str) -> Response[str]:
    return sign_in_page(request, MOBILE_CODE, faults={"code": fault}, typed={}, to=shown(number))


def _answers_page(request: AnyRequest, pending: Pending) -> Response[str]:
    return step_page(
        request,
        CHECK,
        ANSWERS,
        pending.typed,
        email=pending.email,
        mobile=shown(mobile_at(pending.mobile)) if pending.mobile else "",
        postcode=normalise_postcode(pending.typed.get("postcode", "")),
        born=parse_date(typed_day(pending.typed, "birth_date")),
        lines=[pending.typed[field] for field in ADDRESS_LINES if pending.typed.get(field)],
    )
