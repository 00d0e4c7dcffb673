"""Residents who have an authenticator app give a code of it, or say that they lost it."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.doors import DOOR, FAILURES, count
from cardservice.web.environment import moment
from cardservice.web.factor_words import refusal
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.resident.onward import after_sign_in, carry, sign_in_page
from cardservice.web.visitors import AnyRequest, Part, host_cookie, session_cookie
from cardservice.web.words import gettext as _
from identity import lost_factor, resident_factor
from identity.lost_factor import WAIT
from identity.personal import Vault
from identity.resident_factor import STEP_LIFE, CodeNeeded
from identity.second_factor import FactorRefused, WhyFactorRefused
from identity.sessions import SignedIn
from identity.signin_models import SignInMethod

STEP_COOKIE: Final = "__Host-kentcard-step"
CODE: Final = "resident/app_code.html"
LOST: Final = "resident/lost_app.html"


def next_page(request: AnyRequest, answer: SignedIn | CodeNeeded) -> Response[Any]:
    """On to the account, or to the page that asks for a code of the app."""
    if isinstance(answer, CodeNeeded):
        return see_other(carry(request, "/sign-in/app"), cookies=[_step_cookie(answer.token)])
    return _in(request, answer)


@get("/app")
async def ask(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for a code of the app, or a recovery code."""
    if isinstance(await _step(request, session, vault, now), FactorRefused):
        return see_other(carry(request, "/sign-in"))
    return sign_in_page(request, CODE, typed={})


@post("/app", status_code=200, opt={DOOR: FAILURES})
async def give_code(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in with the code, or say what to do."""
    code = (await typed_in(request)).get("code", "").strip()
    if not code:
        return sign_in_page(request, CODE, faults={"code": _("Enter the code")}, typed={})
    answer = await resident_factor.give_code(
        session, vault, _token(request), code, browser=browser_of(request), now=now
    )
    if isinstance(answer, SignedIn):
        return _in(request, answer)
    await count(request, session, now)
    if answer.reason is WhyFactorRefused.OVER:
        return see_other(carry(request, "/sign-in"), cookies=[_step_cookie("")])
    faults = {"code": refusal(answer, Part.RESIDENT)}
    return sign_in_page(request, CODE, faults=faults, typed={})


@get("/app/lost")
async def explain_lost(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Say what somebody can do who has neither the app nor a recovery code."""
    step = await _step(request, session, vault, now)
    by_email = not isinstance(step, FactorRefused) and step.first is SignInMethod.EMAIL_CODE
    return sign_in_page(request, LOST, may_ask=by_email, days=WAIT.days)


@post("/app/lost", status_code=200)
async def ask_without(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask to be let in without the app: for whoever showed that they read the account's e-mail."""
    step = await _step(request, session, vault, now)
    if isinstance(step, FactorRefused) or step.first is not SignInMethod.EMAIL_CODE:
        return see_other(carry(request, "/sign-in/app/lost"))
    granted_from = await lost_factor.ask(session, vault, step.account, now=now)
    words = _("You can sign in with a code by e-mail from %(time)s. We have sent you a message")
    done = words % {"time": moment(granted_from)}
    return sign_in_page(request, LOST, may_ask=False, days=WAIT.days, done=done)


def _in(request: AnyRequest, answer: SignedIn) -> Response[Any]:
    session_kept = session_cookie(Part.RESIDENT, answer.token)
    cookies = [session_kept, device_cookie(browser_of(request)), _step_cookie("")]
    return after_sign_in(request, cookies)


async def _step(
    request: AnyRequest, session: AsyncSession, vault: Vault, now: datetime
) -> resident_factor.Step | FactorRefused:
    return await resident_factor.look_up(session, vault, _token(request), now=now)


def _token(request: AnyRequest) -> str:
    return request.cookies.get(STEP_COOKIE, "")


def _step_cookie(token: str) -> Cookie:
    return host_cookie(STEP_COOKIE, token, max_age=int(STEP_LIFE.total_seconds()) if token else 0)
