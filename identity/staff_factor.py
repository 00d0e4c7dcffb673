"""The second step of a staff sign-in: an authenticator app, always.

A right password opens no session: it opens a step of ten minutes with a token of its own. The step
becomes a session when a code of the app (or a recovery code) is shown. Whoever has no app yet is
offered one, and gets their session when a code of it was right and they have seen their recovery
codes. Wrong codes are counted and slowed down, so the caller commits a refusal as well.
Source: OWASP ASVS 5.0, 6.3.3 (second factor), 6.5.1 (single use); NIST SP 800-63B-4 section 3.2.2.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, authenticator, devices, recovery, second_factor, sessions, totp
from identity.actors import Actor, staff_actor
from identity.db import new_id
from identity.devices import Browser
from identity.models import StaffMember
from identity.personal import Vault
from identity.second_factor import OVER, FactorRefused, WhyFactorRefused
from identity.sessions import SignedIn
from identity.signin_models import Passkey, SessionKind, SignInMethod, StaffSignIn

STEP_LIFE: Final = timedelta(minutes=10)
_TABLE: Final = StaffSignIn.__tablename__
_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class Offer(msgspec.Struct, frozen=True):
    """The app somebody without one is to set up, and their recovery codes."""

    secret: str
    recovery_codes: tuple[str, ...]


class Step(msgspec.Struct, frozen=True):
    """Whose second factor is asked for.

    Attributes:
        id: of this try to sign in.
        staff: who gave the right password.
        offer: the app to set up; None for somebody who has one.
        confirmed_step: of the code that showed the offered app to work; None before that.
    """

    id: UUID
    staff: StaffMember
    offer: Offer | None
    confirmed_step: int | None


async def open_step(
    session: AsyncSession, vault: Vault, staff: StaffMember, *, now: datetime
) -> str:
    """Begin the second step of whoever gave the right password. Returns the step's token."""
    forgotten = delete(StaffSignIn).where(
        StaffSignIn.staff_id == staff.id, StaffSignIn.expires_at <= now
    )
    await session.execute(forgotten, **_UNSYNCHRONISED)
    token, row_id = secrets.token_urlsafe(32), new_id()
    offer = None
    if not await authenticator.has(session, staff):
        made = msgspec.json.encode(Offer(totp.new_secret(), recovery.new_codes())).decode()
        offer = vault.seal(_TABLE, "sealed_offer", row_id, made)
    session.add(
        StaffSignIn(
            id=row_id,
            token_hash=_hash(token),
            staff_id=staff.id,
            expires_at=now + STEP_LIFE,
            sealed_offer=offer,
        )
    )
    await session.flush()
    return token


async def look_up(
    session: AsyncSession, vault: Vault, token: str, *, now: datetime
) -> Step | FactorRefused:
    """Whose step it is, or that it is over."""
    found = (
        await session.execute(
            select(StaffSignIn, StaffMember)
            .join(StaffMember, StaffSignIn.staff_id == StaffMember.id)
            .where(
                StaffSignIn.token_hash == _hash(token),
                StaffSignIn.ended_at.is_(None),
                StaffSignIn.expires_at > now,
                StaffMember.active,
            )
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if found is None:
        return OVER
    row, staff = found
    return Step(row.id, staff, _offer_of(vault, row), row.confirmed_step)


async def confirm_app(
    session: AsyncSession, vault: Vault, token: str, code: str, *, now: datetime
) -> Step | FactorRefused:
    """Take a first code of the offered app; a second right one changes nothing."""
    step = await look_up(session, vault, token, now=now)
    if isinstance(step, FactorRefused) or step.offer is None:
        return OVER
    if step.confirmed_step is not None:
        return step
    used = totp.step_of(step.offer.secret, code, now=now)
    if used is None:  # not counted: whoever sees this form has the secret before them
        return FactorRefused(WhyFactorRefused.WRONG)
    confirming = update(StaffSignIn).where(StaffSignIn.id == step.id)
    await session.execute(confirming.values(confirmed_step=used), **_UNSYNCHRONISED)
    return msgspec.structs.replace(step, confirmed_step=used)


async def finish_set_up(
    session: AsyncSession,
    vault: Vault,
    token: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> SignedIn | FactorRefused:
    """Keep the confirmed app and the recovery codes that were shown, and open the session."""
    step = await look_up(session, vault, token, now=now)
    if isinstance(step, FactorRefused) or step.offer is None or step.confirmed_step is None:
        return OVER
    locked = select(StaffMember.id).where(StaffMember.id == step.staff.id).with_for_update()
    await session.execute(locked)
    if await authenticator.has(session, step.staff):
        return OVER  # set up by another request meanwhile
    secret, used = step.offer.secret, step.confirmed_step
    await authenticator.keep(session, vault, step.staff, secret, used, now=now)
    await recovery.replace(session, vault, step.staff, step.offer.recovery_codes, now=now)
    subject = audit.subject_of("staff", step.staff.id)
    actor = staff_actor(step.staff.id, step.staff.name)
    audit.record(session, "staff-app-set-up", subject, actor=actor, now=now)
    return await _complete(session, step, SignInMethod.APP, browser, now=now)


async def give_code(
    session: AsyncSession,
    vault: Vault,
    token: str,
    code: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> SignedIn | FactorRefused:
    """Sign in with a code of the app, which is used up by it."""
    step = await look_up(session, vault, token, now=now)
    if isinstance(step, FactorRefused) or step.offer is not None:
        return OVER
    refused = await second_factor.by_app(session, vault, step.staff, code, browser=browser, now=now)
    return refused or await _complete(session, step, SignInMethod.APP, browser, now=now)


async def give_recovery_code(
    session: AsyncSession,
    vault: Vault,
    token: str,
    code: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> SignedIn | FactorRefused:
    """Sign in with a recovery code, which is used up by it."""
    step = await look_up(session, vault, token, now=now)
    if isinstance(step, FactorRefused) or step.offer is not None:
        return OVER
    refused = await second_factor.by_recovery_code(
        session, vault, step.staff, code, browser=browser, now=now
    )
    return refused or await _complete(session, step, SignInMethod.RECOVERY_CODE, browser, now=now)


async def forget_app(
    session: AsyncSession, staff: StaffMember, *, actor: Actor, now: datetime
) -> None:
    """Let somebody set a new app up at their next sign-in; sessions and passkeys of theirs end."""
    await authenticator.forget(session, staff)
    await recovery.forget(session, staff)
    await session.execute(delete(Passkey).where(Passkey.staff_id == staff.id))
    await end_all(session, staff, actor=actor, now=now)
    subject = audit.subject_of("staff", staff.id)
    audit.record(session, "staff-app-forgotten", subject, actor=actor, now=now)


async def end_all(
    session: AsyncSession, staff: StaffMember, *, actor: Actor, now: datetime
) -> None:
    """End every sign-in of theirs, those too whose second factor has not been shown yet."""
    begun = update(StaffSignIn).where(StaffSignIn.staff_id == staff.id)
    ending = begun.where(StaffSignIn.ended_at.is_(None)).values(ended_at=now)
    await session.execute(ending, **_UNSYNCHRONISED)
    await sessions.end_all(session, staff.id, SessionKind.STAFF, actor=actor, now=now)


async def _end(session: AsyncSession, step: Step, *, now: datetime) -> bool:
    """End a step. False: another request ended it first."""
    ending = (
        update(StaffSignIn)
        .where(StaffSignIn.id == step.id, StaffSignIn.ended_at.is_(None))
        .values(ended_at=now, sealed_offer=None)
        .returning(StaffSignIn.id)
    )
    return (await session.execute(ending, **_UNSYNCHRONISED)).scalar_one_or_none() is not None


async def _complete(
    session: AsyncSession,
    step: Step,
    method: SignInMethod,
    browser: Browser | None,
    *,
    now: datetime,
) -> SignedIn | FactorRefused:
    """The step becomes a session: once, however often the form is sent."""
    if not await _end(session, step, now=now):
        return OVER
    methods = (SignInMethod.PASSWORD, method)
    return await sign_in(session, step.staff, methods, browser, now=now)


async def sign_in(
    session: AsyncSession,
    staff: StaffMember,
    methods: tuple[SignInMethod, ...],
    browser: Browser | None,
    *,
    now: datetime,
) -> SignedIn:
    """Open a session for a member of staff who showed everything that is asked for."""
    token = await sessions.open_session(
        session,
        staff.id,
        SessionKind.STAFF,
        methods=methods,
        browser=browser.name if browser else "",
        now=now,
    )
    if browser:
        await devices.end_former(session, staff, browser, token, now=now)
        await devices.remember(session, staff, browser, now=now)
    actor, subject = staff_actor(staff.id, staff.name), audit.subject_of("staff", staff.id)
    detail = {"second_factor": methods[-1].value}
    audit.record(session, "staff-signed-in", subject, actor=actor, now=now, detail=detail)
    return SignedIn(token, actor)


def _offer_of(vault: Vault, row: StaffSignIn) -> Offer | None:
    if row.sealed_offer is None:
        return None
    return msgspec.json.decode(
        vault.open(_TABLE, "sealed_offer", row.id, row.sealed_offer), type=Offer
    )


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()
