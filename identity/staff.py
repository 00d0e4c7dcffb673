"""Members of staff: adding them, and signing them in with a password."""

import re
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, names, passwords, sessions, throttle
from identity.actors import SYSTEM, Actor, staff_actor
from identity.errors import InvalidDetails
from identity.models import SessionKind, SignInThrottle, StaffMember, StaffRole
from identity.sessions import SignedIn

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
        "password": passwords.fault_in(password, context=(username, name)),
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


async def sign_in(
    session: AsyncSession, username: str, password: str, *, now: datetime
) -> SignedIn | SignInRefused:
    """Sign a member of staff in.

    A failure is counted and slows the next tries, so the caller commits a refusal as well.
    """
    username = username.strip().casefold()
    tries = await throttle.locked_row(session, f"staff:{username}")
    if not throttle.may_try(tries, now):
        return _refused(tries, now)
    staff = await session.scalar(
        select(StaffMember).where(StaffMember.username == username, StaffMember.active)
    )
    if not await passwords.verify_password(staff.password_hash if staff else None, password):
        throttle.count_failure(tries, now)
        _audit_failure(session, staff, tries, now)
        return _refused(tries, now)
    if staff is None:
        raise AssertionError("A password was accepted for nobody.")
    throttle.forget(tries)
    if passwords.needs_rehash(staff.password_hash):
        staff.password_hash = await passwords.hash_password(password)
    token = await sessions.open_session(session, staff.id, SessionKind.STAFF, now=now)
    actor = staff_actor(staff.id, staff.name)
    subject = audit.subject_of("staff", staff.id)
    audit.record(session, "staff-signed-in", subject, actor=actor, now=now)
    return SignedIn(token, actor)


async def unlock(session: AsyncSession, username: str, *, actor: Actor, now: datetime) -> None:
    """Forget a user name's failed tries."""
    username = username.strip().casefold()
    throttle.forget(await throttle.locked_row(session, f"staff:{username}"))
    subject = audit.subject_of("staff", username)
    audit.record(session, "staff-unlocked", subject, actor=actor, now=now)


async def _fault_in_username(session: AsyncSession, username: str) -> str | None:
    if not _USERNAME.fullmatch(username):
        return "The user name must begin with a letter and have 2 to 64 letters, digits, . _ or -"
    taken = select(StaffMember.id).where(StaffMember.username == username)
    return "This user name is taken" if await session.scalar(taken) else None


def _refused(tries: SignInThrottle, now: datetime) -> SignInRefused:
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
