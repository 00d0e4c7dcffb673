"""The sign-ins somebody has open now: seen and ended by nobody but themselves."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.sessions import SignedInSession
from identity.signin_models import Session, SessionKind

_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class OpenSession(msgspec.Struct, frozen=True):
    """One sign-in that is open.

    Attributes:
        id: for ending it.
        browser: which one, in a few words; empty when it did not say.
        opened_at: when they signed in.
        is_this: whether it is the one that asks.
    """

    id: UUID
    browser: str
    opened_at: datetime
    is_this: bool


async def of_owner(
    session: AsyncSession, own: SignedInSession, *, now: datetime
) -> tuple[OpenSession, ...]:
    """Every open sign-in of whoever asks: the one they use first, then the newest."""
    rows = await session.execute(
        select(Session.id, Session.browser, Session.opened_at)
        .where(_open_of(own), Session.idle_until > now, Session.absolute_until > now)
        .order_by(Session.opened_at.desc(), Session.id)
    )
    found = [OpenSession(*row, is_this=row[0] == own.session_id) for row in rows]
    return tuple(sorted(found, key=lambda each: not each.is_this))


async def end_one(
    session: AsyncSession, own: SignedInSession, session_id: UUID, *, now: datetime
) -> bool:
    """End one of their own. False: there is none of theirs with that id, or it was ended."""
    return bool(await _end(session, own, Session.id == session_id, now=now))


async def end_others(session: AsyncSession, own: SignedInSession, *, now: datetime) -> int:
    """End all of their own but the one they use. Returns how many."""
    return await _end(session, own, Session.id != own.session_id, now=now)


async def _end(
    session: AsyncSession, own: SignedInSession, which: ColumnElement[bool], *, now: datetime
) -> int:
    ending = update(Session).where(_open_of(own), which).values(ended_at=now).returning(Session.id)
    ended = (await session.scalars(ending, **_UNSYNCHRONISED)).all()
    if ended:
        kind = "account" if own.kind is SessionKind.RESIDENT else "staff"
        subject, detail = audit.subject_of(kind, own.subject_id), {"sessions": len(ended)}
        audit.record(session, "sessions-ended", subject, actor=own.actor, now=now, detail=detail)
    return len(ended)


def _open_of(own: SignedInSession) -> ColumnElement[bool]:
    owner = Session.account_id if own.kind is SessionKind.RESIDENT else Session.staff_id
    return (owner == own.subject_id) & Session.ended_at.is_(None)
