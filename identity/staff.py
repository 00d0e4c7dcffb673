"""Members of staff: adding them, and the first step of their sign-in, a password."""

import re
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import (
    audit,
    authenticator,
    devices,
    names,
    passwords,
    second_factor,
    staff_factor,
    throttle,
)
from identity.actors import SYSTEM, Actor
from identity.devices import Browser
from identity.errors import InvalidDetails, NoSuchStaff
from identity.models import StaffMember, StaffRole
from identity.personal import Vault
from identity.signin_models import SignInThrottle

_USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")


class WhyRefused(StrEnum):
    """Why a password did not sign somebody in."""

    WRONG = "wrong"
    WAIT = "wait"
    LOCKED = "locked"


class SignInRefused(msgspec.Struct, frozen=True):
    """Nobody was signed in.

    Attributes:
        reason: wrong name or password (never said which); a wait after failures; or locked after a
            hundred failures, until an administrator unlocks it.
        retry_at: when the next try is allowed, if there is a wait now.
    """

    reason: WhyRefused
    retry_at: datetime | None = None


class PasswordRight(msgspec.Struct, frozen=True):
    """The password was right; nobody is signed in yet.

    Attributes:
        token: of the second step, for its cookie.
        has_app: whether a code is asked for next, or an app is to be set up first.
    """

    token: str
    has_app: bool


async def add(
    session: AsyncSession,
    username: str,
    name: str,
    role: StaffRole,
    password: str,
    *,
    actor: Actor,
    now: datetime,
) -> StaffMember:
    """Add a member of staff.

    Raises:
        InvalidDetails: faults by field: `username`, `name`, `password`.
    """
    username, name = username.strip().casefold(), names.tidy(name)
    faults = {
        "username": await _fault_in_username(session, username),
        "name": names.fault_in(name) if name else "Enter a name",
        "password": passwords.fault_in(password, context=passwords.words_about(username, name)),
    }
    if found := {field: fault for field, fault in faults.items() if fault is not None}:
        raise InvalidDetails(found)
    staff = StaffMember(
        username=username,
        name=name,
        role=role,
        password_hash=await passwords.hash_password(password),
        created_at=now,
    )
    session.add(staff)
    await session.flush()
    subject, detail = audit.subject_of("staff", staff.id), {"role": role.value}
    audit.record(session, "staff-added", subject, actor=actor, now=now, detail=detail)
    return staff


async def check_password(
    session: AsyncSession,
    vault: Vault,
    username: str,
    password: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> PasswordRight | SignInRefused:
    """Check a member of staff's password; the second factor is asked for next.

    A failure is counted and slows the next tries, so the caller commits a refusal as well.
    """
    username = username.strip().casefold()
    staff = await session.scalar(
        select(StaffMember).where(StaffMember.username == username, StaffMember.active)
    )
    counted = await devices.counted_as(session, staff, browser, _throttled_as(username))
    tries = await throttle.locked_row(session, counted)
    if not throttle.may_try(tries, now):
        return refused_by(tries, now)
    if not await passwords.verify_password(staff.password_hash if staff else None, password):
        throttle.count_failure(tries, now)
        _audit_failure(session, staff, tries, now)
        return refused_by(tries, now)
    if staff is None:
        raise AssertionError("A password was accepted for nobody.")
    throttle.forget(tries)
    if passwords.needs_rehash(staff.password_hash):
        staff.password_hash = await passwords.hash_password(password)
    token = await staff_factor.open_step(session, vault, staff, now=now)
    return PasswordRight(token, has_app=await authenticator.has(session, staff))


async def named(session: AsyncSession, username: str) -> StaffMember:
    """The member of staff with that user name.

    Raises:
        NoSuchStaff: there is none.
    """
    named = select(StaffMember).where(StaffMember.username == username.strip().casefold())
    staff = await session.scalar(named)
    if staff is None:
        raise NoSuchStaff("There is no member of staff with that user name.")
    return staff


async def unlock(session: AsyncSession, username: str, *, actor: Actor, now: datetime) -> None:
    """Forget somebody's wrong passwords and codes.

    Raises:
        NoSuchStaff: nobody has that user name.
    """
    staff = await named(session, username)
    await count_anew(session, staff)
    await _forget_counts(session, staff, second_factor.throttled_as(staff))
    subject = audit.subject_of("staff", staff.id)
    audit.record(session, "staff-unlocked", subject, actor=actor, now=now)


async def count_anew(session: AsyncSession, staff: StaffMember) -> None:
    """Forget somebody's wrong passwords: a new one has had no guesses."""
    await _forget_counts(session, staff, _throttled_as(staff.username))


async def _forget_counts(session: AsyncSession, staff: StaffMember, counted: str) -> None:
    for subject in await devices.every_subject(session, staff, counted):
        throttle.forget(await throttle.locked_row(session, subject))


def _throttled_as(username: str) -> str:
    return f"staff:{username}"


async def _fault_in_username(session: AsyncSession, username: str) -> str | None:
    if not _USERNAME.fullmatch(username):
        return "The user name must begin with a letter and have 2 to 64 letters, digits, . _ or -"
    taken = select(StaffMember.id).where(StaffMember.username == username)
    return "This user name is taken" if await session.scalar(taken) else None


def refused_by(tries: SignInThrottle, now: datetime) -> SignInRefused:
    """What the count of failures says to whoever gave a wrong password, or tried too early."""
    if tries.failures >= throttle.MOST_FAILURES:
        return SignInRefused(WhyRefused.LOCKED)
    if not throttle.may_try(tries, now):
        return SignInRefused(WhyRefused.WAIT, tries.retry_at)
    return SignInRefused(WhyRefused.WRONG)


def _audit_failure(
    session: AsyncSession, staff: StaffMember | None, tries: SignInThrottle, now: datetime
) -> None:
    """An unknown name is somebody's typing, perhaps a password: it is not written down."""
    subject = audit.subject_of("staff", staff.id if staff else "unknown")
    detail = {"failures": tries.failures}
    audit.record(session, "staff-sign-in-failed", subject, actor=SYSTEM, now=now, detail=detail)
