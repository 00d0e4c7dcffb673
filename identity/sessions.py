"""Sign-ins that last: our own table, because a session must be ended, rotated and looked up by us.

A token is random, given out once and stored only as its SHA-256. It stops working after a time
without use, at an absolute end, when it is ended or rotated, and when its subject may no longer
sign in. A token the server did not make never becomes one.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import Actor, resident_actor, staff_actor
from identity.db import new_id
from identity.executors import Executor
from identity.models import Account, AccountState, StaffMember, StaffRole
from identity.signin_models import Session, SessionKind, SignInMethod

EXTEND_AFTER: Final = timedelta(minutes=1)
"""Using a session extends it, but not more often than this: a page view is not a write. So without
use a session ends up to a minute before its idle limit, and never after it."""
# After this, a sensitive act asks again who it is (step-up).
PROOF_LIFE: Final = timedelta(minutes=5)
_COLUMNS: Final = (
    Session.id,
    Session.kind,
    Session.browser,
    Session.methods,
    Session.opened_at,
    Session.proved_at,
    Session.idle_until,
    Session.absolute_until,
    Session.ended_at,
    Session.account_id,
    Session.staff_id,
    Account.number,
    Account.state,
    StaffMember.name,
    StaffMember.role,
    StaffMember.active,
)
# Asked at every page and of every request of a session, so built once.
_WITH_SUBJECT: Final = (
    select(*_COLUMNS)
    .outerjoin(Account, Session.account_id == Account.id)
    .outerjoin(StaffMember, Session.staff_id == StaffMember.id)
    .where(Session.token_hash == bindparam("token_hash"))
)
# No session is ever loaded as an object, so there is none to bring up to date.
_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
_EXTENDING: Final = (
    update(Session)
    .where(Session.token_hash == bindparam("of"), Session.ended_at.is_(None))
    .values(idle_until=bindparam("until"))
    .execution_options(synchronize_session=False)
)


class Limits(msgspec.Struct, frozen=True):
    """How long a session lasts: without use, and at all."""

    idle: timedelta
    absolute: timedelta


LIMITS: Mapping[SessionKind, Limits] = {
    SessionKind.RESIDENT: Limits(timedelta(minutes=30), timedelta(hours=12)),
    SessionKind.STAFF: Limits(timedelta(minutes=15), timedelta(hours=8)),
}


class SignedInSession(msgspec.Struct, frozen=True):
    """Who a token belongs to.

    Attributes:
        kind: resident or staff.
        subject_id: of the account or member of staff.
        actor: the same, as service functions and audit rows take it.
        role: of a member of staff; None for a resident.
        opened_at: when they signed in.
        absolute_until: when they must sign in again, whatever they do.
        session_id: stays the same when the token is exchanged.
        methods: by what they showed who they are, the newest last.
        proved_at: when they last did.
    """

    kind: SessionKind
    subject_id: UUID
    actor: Actor
    role: StaffRole | None
    opened_at: datetime
    absolute_until: datetime
    session_id: UUID
    methods: tuple[SignInMethod, ...]
    proved_at: datetime

    def is_proof_fresh(self, now: datetime) -> bool:
        """Whether they showed who they are recently enough for a sensitive act."""
        return now - self.proved_at < PROOF_LIFE


class WhyNotSignedIn(StrEnum):
    """Why a token is not accepted."""

    UNKNOWN = "unknown"
    ENDED = "ended"
    IDLE = "idle"
    EXPIRED = "expired"
    NOT_ACTIVE = "not-active"


class NotSignedIn(msgspec.Struct, frozen=True):
    """The token belongs to nobody now."""

    reason: WhyNotSignedIn


class SignedIn(msgspec.Struct, frozen=True):
    """A sign-in succeeded. The token is for the cookie; it cannot be had again."""

    token: str
    actor: Actor


async def open_session(
    session: AsyncSession,
    subject_id: UUID,
    kind: SessionKind,
    *,
    methods: Iterable[SignInMethod] = (),
    browser: str = "",
    now: datetime,
) -> str:
    """Open a session for an account or a member of staff. Returns its token (256 random bits).

    Args:
        session: of the request.
        subject_id: the account's or the member of staff's.
        kind: which of the two.
        methods: by what they showed who they are.
        browser: which one they use, in a few words for the list of their sessions.
        now: when.
    """
    opened = _Lasting(
        id=new_id(),
        kind=kind,
        subject_id=subject_id,
        browser=browser,
        methods=" ".join(methods),
        opened_at=now,
        proved_at=now,
        absolute_until=now + LIMITS[kind].absolute,
    )
    return await _add(session, opened, now=now)


async def look_up(
    executor: Executor, token: str, *, now: datetime, used: bool = True
) -> SignedInSession | NotSignedIn:
    """Say whose session it is. One statement, a second once a minute.

    Args:
        executor: where.
        token: what was shown.
        now: when.
        used: whether this counts as use; a page that asks again by itself is no use.
    """
    found = await _with_subject(executor, token)
    if found is None:
        return NotSignedIn(WhyNotSignedIn.UNKNOWN)
    if reason := _why_not(found, now):
        return NotSignedIn(reason)
    idle_until = now + LIMITS[found.kind].idle
    if used and idle_until - found.idle_until >= EXTEND_AFTER:
        given = {"of": _hash(token), "until": idle_until}
        await executor.execute(_EXTENDING, given)
    return _signed_in(found)


async def rotate(
    session: AsyncSession, token: str, *, proof: SignInMethod | None = None, now: datetime
) -> str | NotSignedIn:
    """Exchange a token for a new one, at every change of what its holder may do.

    The absolute end stays: rotating does not prolong a sign-in.

    Args:
        session: of the request.
        token: the old one; it works no more.
        proof: by what its holder showed again who they are; None if they did not.
        now: when.
    """
    found = await _with_subject(session, token)
    reason = _why_not(found, now) if found else WhyNotSignedIn.UNKNOWN
    if found is None or reason is not None:
        return NotSignedIn(reason or WhyNotSignedIn.UNKNOWN)
    if not await _end(session, Session.token_hash == _hash(token), now=now):
        return NotSignedIn(WhyNotSignedIn.ENDED)  # another request rotated it meanwhile
    kept = _Lasting(
        id=found.id,
        kind=found.kind,
        subject_id=found.account_id or found.staff_id,
        browser=found.browser,
        methods=found.methods,
        opened_at=found.opened_at,
        proved_at=found.proved_at,
        absolute_until=found.absolute_until,
    )
    if proof:
        methods = (*(each for each in found.methods.split() if each != proof), proof)
        kept = msgspec.structs.replace(kept, methods=" ".join(methods), proved_at=now)
    return await _add(session, kept, now=now)


async def end(session: AsyncSession, token: str, *, actor: Actor, now: datetime) -> bool:
    """End a session. False: there was none to end, or another request ended it first."""
    ended = await _end(session, Session.token_hash == _hash(token), now=now)
    for subject in ended:
        audit.record(session, "session-ended", subject, actor=actor, now=now)
    return bool(ended)


async def end_all(
    session: AsyncSession, subject_id: UUID, kind: SessionKind, *, actor: Actor, now: datetime
) -> int:
    """End every session of an account or member of staff. Returns how many were open."""
    owner = Session.account_id if kind is SessionKind.RESIDENT else Session.staff_id
    ended = await _end(session, owner == subject_id, now=now)
    if ended:
        detail = {"sessions": len(ended)}
        audit.record(session, "sessions-ended", ended[0], actor=actor, now=now, detail=detail)
    return len(ended)


async def end_everybodys(session: AsyncSession, *, actor: Actor, now: datetime) -> int:
    """End every session there is, of residents and staff. Returns how many were open.

    Source: OWASP ASVS 5.0, 7.4.5.
    """
    ended = await _end(session, true(), now=now)
    subject, detail = audit.subject_of("sessions", "all"), {"sessions": len(ended)}
    audit.record(session, "sessions-ended", subject, actor=actor, now=now, detail=detail)
    return len(ended)


def csrf_token(token: str) -> str:
    """The value a form must carry back: bound to the session, and it does not reveal the token."""
    mac = hmac.new(token.encode(errors="surrogatepass"), b"csrf", sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def csrf_matches(token: str, presented: str) -> bool:
    """Whether a form's value belongs to this session."""
    return hmac.compare_digest(csrf_token(token).encode(), presented.encode(errors="surrogatepass"))


class _Lasting(msgspec.Struct, frozen=True, kw_only=True):
    """What stays of a session when its token is exchanged."""

    id: UUID
    kind: SessionKind
    subject_id: UUID
    browser: str
    methods: str
    opened_at: datetime
    proved_at: datetime
    absolute_until: datetime


async def _add(session: AsyncSession, lasting: _Lasting, *, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    resident = lasting.kind is SessionKind.RESIDENT
    session.add(
        Session(
            token_hash=_hash(token),
            id=lasting.id,
            kind=lasting.kind,
            account_id=lasting.subject_id if resident else None,
            staff_id=None if resident else lasting.subject_id,
            browser=lasting.browser,
            methods=lasting.methods,
            opened_at=lasting.opened_at,
            proved_at=lasting.proved_at,
            idle_until=now + LIMITS[lasting.kind].idle,
            absolute_until=lasting.absolute_until,
        )
    )
    await session.flush()
    return token


async def _end(
    session: AsyncSession, which: ColumnElement[bool], *, now: datetime
) -> tuple[str, ...]:
    """End the open sessions among these, and say whose they were."""
    ending = (
        update(Session)
        .where(which, Session.ended_at.is_(None))
        .values(ended_at=now)
        .returning(Session.account_id, Session.staff_id)
    )
    ended = await session.execute(ending, **_UNSYNCHRONISED)
    return tuple(
        audit.subject_of("account", account_id) if account_id else audit.subject_of("staff", staff)
        for account_id, staff in ended
    )


async def _with_subject(executor: Executor, token: str) -> Row[*tuple[Any, ...]] | None:
    """The columns that decide, of the session and of whoever it belongs to."""
    found = await executor.execute(_WITH_SUBJECT, {"token_hash": _hash(token)})
    row: Row[*tuple[Any, ...]] | None = found.one_or_none()
    return row


def _why_not(found: Row[*tuple[Any, ...]], now: datetime) -> WhyNotSignedIn | None:
    if found.ended_at is not None:
        return WhyNotSignedIn.ENDED
    if now >= found.absolute_until:
        return WhyNotSignedIn.EXPIRED
    if now >= found.idle_until:
        return WhyNotSignedIn.IDLE
    in_order = found.active or found.state is AccountState.ACTIVE
    return None if in_order else WhyNotSignedIn.NOT_ACTIVE


def _signed_in(found: Row[*tuple[Any, ...]]) -> SignedInSession:
    resident = found.kind is SessionKind.RESIDENT
    subject_id: UUID = found.account_id if resident else found.staff_id
    return SignedInSession(
        kind=found.kind,
        subject_id=subject_id,
        actor=resident_actor(subject_id, found.number)
        if resident
        else staff_actor(subject_id, found.name),
        role=found.role,
        opened_at=found.opened_at,
        absolute_until=found.absolute_until,
        session_id=found.id,
        methods=tuple(SignInMethod(method) for method in found.methods.split()),
        proved_at=found.proved_at,
    )


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()
