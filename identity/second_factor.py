"""Judging a second factor: a code of an authenticator app, or a recovery code in its place.

Wrong codes are counted and slowed down like passwords, so a caller commits a refusal as well.
Source: OWASP ASVS 5.0, 6.5.1 (single use), 6.3.1; NIST SP 800-63B-4 section 3.2.2.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, authenticator, devices, recovery, sessions, throttle, totp
from identity.actors import SYSTEM
from identity.devices import Browser, Owner
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import SignInMethod, SignInThrottle


class WhyFactorRefused(StrEnum):
    """Why a code led to nothing."""

    WRONG = "wrong"
    WAIT = "wait"
    LOCKED = "locked"
    OVER = "over"


class FactorRefused(msgspec.Struct, frozen=True):
    """Nobody was signed in, and nothing was changed.

    Attributes:
        reason: wrong or used code; a wait after failures; locked after a hundred; or the step is
            over, and begins again from its start.
        retry_at: when the next try is allowed, if there is a wait now.
    """

    reason: WhyFactorRefused
    retry_at: datetime | None = None


OVER: Final = FactorRefused(WhyFactorRefused.OVER)


async def by_app(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    code: str,
    *,
    browser: Browser | None,
    now: datetime,
) -> FactorRefused | None:
    """Use a code of somebody's app. None: it was right."""
    using = partial(authenticator.use_code, session, vault, owner, code, now=now)
    return await _judge(session, owner, using, browser, now=now)


async def by_recovery_code(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    code: str,
    *,
    browser: Browser | None,
    now: datetime,
) -> FactorRefused | None:
    """Use one of somebody's recovery codes. None: it was right."""
    using = partial(recovery.use, session, vault, owner, code, now=now)
    return await _judge(session, owner, using, browser, now=now)


async def by_either(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    code: str,
    *,
    browser: Browser | None,
    now: datetime,
) -> SignInMethod | FactorRefused:
    """Use a code of the app, or a recovery code: whichever it looks like. Answers which it was."""
    if totp.looks_like_one(code):
        refused = await by_app(session, vault, owner, code, browser=browser, now=now)
        return refused or SignInMethod.APP
    refused = await by_recovery_code(session, vault, owner, code, browser=browser, now=now)
    return refused or SignInMethod.RECOVERY_CODE


async def prove(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    token: str,
    code: str,
    *,
    browser: Browser,
    now: datetime,
) -> str | FactorRefused:
    """Take a code as a fresh proof of whoever is signed in. Returns their session's new token."""
    method = await by_either(session, vault, owner, code, browser=browser, now=now)
    if isinstance(method, FactorRefused):
        return method
    renewed = await sessions.rotate(session, token, proof=method, now=now)
    return renewed if isinstance(renewed, str) else OVER


def throttled_as(owner: Owner) -> str:
    """The subject under which somebody's wrong codes are counted, but those of known devices."""
    return f"{_kind(owner)}-code:{owner.id}"


async def _judge(
    session: AsyncSession,
    owner: Owner,
    is_right: Callable[[], Awaitable[bool]],
    browser: Browser | None,
    *,
    now: datetime,
) -> FactorRefused | None:
    """Judge a code unless there is a wait; count a wrong one. None: it is right."""
    counted = await devices.counted_as(session, owner, browser, throttled_as(owner))
    tries = await throttle.locked_row(session, counted)
    if not throttle.may_try(tries, now):
        return _refused(tries, now)
    if await is_right():
        throttle.forget(tries)
        return None
    throttle.count_failure(tries, now)
    subject = audit.subject_of("account" if isinstance(owner, Account) else "staff", owner.id)
    action, detail = f"{_kind(owner)}-code-refused", {"failures": tries.failures}
    audit.record(session, action, subject, actor=SYSTEM, now=now, detail=detail)
    return _refused(tries, now)


def _kind(owner: Owner) -> str:
    return "resident" if isinstance(owner, Account) else "staff"


def _refused(tries: SignInThrottle, now: datetime) -> FactorRefused:
    if tries.failures >= throttle.MOST_FAILURES:
        return FactorRefused(WhyFactorRefused.LOCKED)
    if not throttle.may_try(tries, now):
        return FactorRefused(WhyFactorRefused.WAIT, tries.retry_at)
    return FactorRefused(WhyFactorRefused.WRONG)
