"""How an assisted session ends: by the clerk, by time, with their sign-in, or for another resident.

It stops working at the moment it is over. That it is over is written down here: at once when
somebody ends it, and by the worker when time or a sign-in did.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import SYSTEM, Actor, Basis
from identity.signin_models import Session
from identity.trail_models import AssistedEnd, AssistedSession


async def end_open(
    session: AsyncSession, staff_id: UUID, why: AssistedEnd, *, actor: Actor, now: datetime
) -> bool:
    """End what a member of staff has open. False: there was nothing, or its time was over."""
    wanted = select(AssistedSession).where(
        AssistedSession.staff_id == staff_id, AssistedSession.ended_at.is_(None)
    )
    row = await session.scalar(wanted.with_for_update())
    if row is None:
        return False
    in_time = row.expires_at > now
    if in_time:
        _end(session, row, why, now, actor=actor, now=now)
    else:
        _end(session, row, AssistedEnd.TIME, row.expires_at, actor=SYSTEM, now=now)
    await session.flush()
    return in_time


async def note_ends(session: AsyncSession, *, now: datetime) -> int:
    """Write down which ended by time or with their sign-in. Returns how many.

    Of a sign-in that was ended the moment is taken as now: it is noted soon after.
    """
    open_ones = select(AssistedSession).where(AssistedSession.ended_at.is_(None))
    rows = (await session.scalars(open_ones.with_for_update(skip_locked=True))).all()
    sign_ins = await _sign_ins_until(session, [row.session_id for row in rows])
    noted = 0
    for row in rows:
        signed_in_until = sign_ins.get(row.session_id)
        over_at = min(row.expires_at, signed_in_until or now)
        if over_at > now:
            continue
        by_time = signed_in_until is not None and row.expires_at <= signed_in_until
        why = AssistedEnd.TIME if by_time else AssistedEnd.SIGN_IN_ENDED
        _end(session, row, why, max(over_at, row.opened_at), actor=SYSTEM, now=now)
        noted += 1
    await session.flush()
    return noted


async def _sign_ins_until(
    session: AsyncSession, session_ids: Sequence[UUID]
) -> Mapping[UUID, datetime]:
    """Until when each sign-in lasts if nobody does anything; one that was ended is not there."""
    rows = await session.execute(
        select(Session.id, Session.idle_until, Session.absolute_until).where(
            Session.id.in_(session_ids), Session.ended_at.is_(None)
        )
    )
    return {session_id: min(idle, absolute) for session_id, idle, absolute in rows}


def _end(
    session: AsyncSession,
    row: AssistedSession,
    why: AssistedEnd,
    at: datetime,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    row.ended_at, row.ended_by = at, why
    basis = Basis(row.id, row.account_id, row.reason.value, row.presence.value)
    subject = audit.subject_of("account", row.account_id)
    audit.record(
        session,
        "assisted-session-ended",
        subject,
        actor=msgspec.structs.replace(actor, basis=basis),
        now=now,
        detail={"by": why.value, "staff": str(row.staff_id)},
    )
