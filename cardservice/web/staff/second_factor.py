"""The second step of a staff sign-in: a code of an authenticator app, or setting one up."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.app_set_up import RECOVERY_CODES, set_up_page
from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.doors import DOOR, FAILURES, count
from cardservice.web.factor_words import refusal
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import AnyRequest, Part, host_cookie, session_cookie
from cardservice.web.words import gettext as _
from identity import staff_factor
from identity.personal import Vault
from identity.second_factor import FactorRefused, WhyFactorRefused
from identity.sessions import SignedIn
from identity.staff import PasswordRight
from identity.staff_factor import STEP_LIFE, Offer, Step

STEP_COOKIE: Final = "__Host-kentcard-staff-step"
CODE: Final = "staff/code.html"
RECOVERY_CODE: Final = "staff/recovery_code.html"
_AT: Final = Part.STAFF.sign_in


def next_step(right: PasswordRight) -> Response[None]:
    """Where whoever gave the right password goes on."""
    path = f"{_AT}/code" if right.has_app else f"{_AT}/set-up"
    return see_other(path, cookies=[_step_cookie(right.token)])


@get("/code")
async def ask_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for a code of the app."""
    step = await _step(request, session, vault, now)
    return _over() if step is None or step.offer else page(request, CODE, typed={})


@post("/code", status_code=200, opt={DOOR: FAILURES})
async def give_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in with a code of the app."""
    code = (await typed_in(request)).get("code", "")
    if not code.strip():
        return _refused(request, CODE, _("Enter the code"))
    token, browser = _token(request), browser_of(request)
    answer = await staff_factor.give_code(session, vault, token, code, browser=browser, now=now)
    return await _signed_in(request, session, CODE, answer, now=now)


@get("/recovery-code")
async def ask_recovery_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for a recovery code."""
    step = await _step(request, session, vault, now)
    return _over() if step is None or step.offer else page(request, RECOVERY_CODE, typed={})


@post("/recovery-code", status_code=200, opt={DOOR: FAILURES})
async def give_recovery_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in with a recovery code."""
    code = (await typed_in(request)).get("code", "")
    if not code.strip():
        return _refused(request, RECOVERY_CODE, _("Enter a recovery code"))
    token, browser = _token(request), browser_of(request)
    answer = await staff_factor.give_recovery_code(
        session, vault, token, code, browser=browser, now=now
    )
    return await _signed_in(request, session, RECOVERY_CODE, answer, now=now)


@get("/set-up")
async def show_app(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Show the app to set up: as a QR code, and as text to type."""
    step = await _step(request, session, vault, now)
    if step is None or step.offer is None:
        return _over()
    return _set_up_page(request, step.staff.username, step.offer)


@post("/set-up", status_code=200)
async def confirm_app(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the first code of the app that was set up."""
    step = await _step(request, session, vault, now)
    if step is None or step.offer is None:
        return _over()
    code = (await typed_in(request)).get("code", "")
    answer = await staff_factor.confirm_app(session, vault, _token(request), code, now=now)
    if isinstance(answer, FactorRefused):
        fault = refusal(answer, Part.STAFF) if code.strip() else _("Enter the code")
        return _set_up_page(request, step.staff.username, step.offer, {"code": fault})
    return see_other(f"{_AT}/recovery-codes")


@get("/recovery-codes")
async def show_recovery_codes(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Show the recovery codes to somebody whose app works; again after going back, until kept."""
    step = await _step(request, session, vault, now)
    if step is None or step.offer is None or step.confirmed_step is None:
        return _over()
    action = f"{_AT}/recovery-codes"
    return page(request, RECOVERY_CODES, codes=step.offer.recovery_codes, action=action)


@post("/recovery-codes", status_code=200)
async def finish_set_up(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Keep app and codes, and sign in."""
    token, browser = _token(request), browser_of(request)
    answer = await staff_factor.finish_set_up(session, vault, token, browser=browser, now=now)
    if isinstance(answer, FactorRefused):
        return _over()
    return signed_in(request, answer)


def _set_up_page(
    request: AnyRequest, username: str, offer: Offer, faults: dict[str, str] | None = None
) -> Response[str]:
    action = f"{_AT}/set-up"
    return set_up_page(request, username, offer.secret, action=action, back=_AT, faults=faults)


async def _signed_in(
    request: AnyRequest,
    session: AsyncSession,
    template: str,
    answer: SignedIn | FactorRefused,
    *,
    now: datetime,
) -> Response[Any]:
    if isinstance(answer, SignedIn):
        return signed_in(request, answer)
    await count(request, session, now)
    if answer.reason is WhyFactorRefused.OVER:
        return _over()
    return _refused(request, template, refusal(answer, Part.STAFF))


def _refused(request: AnyRequest, template: str, fault: str) -> Response[str]:
    """The form again, without the code: one that was wrong or used is of no use."""
    return page(request, template, status=422, faults={"code": fault}, typed={})


def signed_in(request: AnyRequest, answer: SignedIn) -> Response[None]:
    """To the first page of staff; the browser is known from now on."""
    device = device_cookie(browser_of(request))
    cookies = [session_cookie(Part.STAFF, answer.token), _step_cookie(""), device]
    return see_other("/staff", cookies=cookies)


def _over() -> Response[None]:
    """To the first page of staff: whoever is signed in by now sees it, others begin again."""
    return see_other("/staff")


async def _step(
    request: AnyRequest, session: AsyncSession, vault: Vault, now: datetime
) -> Step | None:
    """Whose second step it is; None: nobody's any more."""
    found = await staff_factor.look_up(session, vault, _token(request), now=now)
    return None if isinstance(found, FactorRefused) else found


def _token(request: AnyRequest) -> str:
    return request.cookies.get(STEP_COOKIE, "")


def _step_cookie(token: str) -> Cookie:
    return host_cookie(STEP_COOKIE, token, max_age=int(STEP_LIFE.total_seconds()) if token else 0)
