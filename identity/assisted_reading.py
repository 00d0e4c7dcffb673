"""Who acted for whom, and what they did: read by the resident, and by an auditor."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, person_keys
from identity.actors import Actor, ActorKind
from identity.dates import LONDON
from identity.models import Account, StaffMember, StaffRole
from identity.personal import Vault
from identity.trail_models import (
    AssistedEnd,
    AssistedSession,
    AssistReason,
    AuditRow,
    Presence,
)

MOST_OF_ONE: Final = 50
MOST_LISTED: Final = 100
_OWN_ROWS: Final = frozenset({"assisted-session-opened", "assisted-session-ended"})


class Assisted(msgspec.Struct, frozen=True, kw_only=True):
    """An assisted session as it is told afterwards.

    Attributes:
        who: the member of staff, by the name they had.
        role: theirs at the time.
        number: of the resident's account.
        over_at: when it ended, or will on its own.
        ended_by: None while nothing ended it.
        acts: what was done in it: the actions of the audit rows, in order. Empty: looked only.
        note: what the member of staff said besides; empty for an auditor.
    """

    id: UUID
    who: str
    role: StaffRole
    number: str
    reason: AssistReason
    presence: Presence
    opened_at: datetime
    over_at: datetime
    ended_by: AssistedEnd | None
    acts: tuple[str, ...]
    note: str = ""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which ones an auditor wants; what is empty or None does not narrow.

    Attributes:
        username: of the member of staff, whole.
        number: of the resident's account, nine digits in any grouping.
        first_day, last_day: in which they were opened, Kent's dates.
        is_open: only those that nothing has ended.
    """

    username: str = ""
    number: str = ""
    reason: AssistReason | None = None
    presence: Presence | None = None
    first_day: date | None = None
    last_day: date | None = None
    is_open: bool = False


async def of_account(session: AsyncSession, vault: Vault, account_id: UUID) -> tuple[Assisted, ...]:
    """The newest in which somebody acted for a resident, newest first; at most 50."""
    told = await _told(session, [AssistedSession.account_id == account_id], MOST_OF_ONE)
    if not told:
        return ()
    notes = await _notes(session, vault, account_id)
    return tuple(msgspec.structs.replace(each, note=notes.get(each.id, "")) for each in told)


async def listed(
    session: AsyncSession, wanted: Filters, *, actor: Actor, now: datetime
) -> tuple[Assisted, ...]:
    """The newest that fit, newest first; at most 100. Reading them is recorded."""
    found = await _told(session, _conditions(wanted, now), MOST_LISTED)
    reader = audit.subject_of(actor.kind.value, actor.id)
    detail = {"assisted-sessions": len(found), "narrowed": wanted != Filters()}
    audit.record(session, "audit-read", reader, actor=actor, now=now, detail=detail)
    return found


def _conditions(wanted: Filters, now: datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.username:
        conditions.append(StaffMember.username == wanted.username.strip())
    if wanted.number:
        conditions.append(Account.number == "".join(wanted.number.split()))
    if wanted.reason:
        conditions.append(AssistedSession.reason == wanted.reason)
    if wanted.presence:
        conditions.append(AssistedSession.presence == wanted.presence)
    if wanted.first_day:
        conditions.append(AssistedSession.opened_at >= _midnight(wanted.first_day))
    if wanted.last_day:
        after = _midnight(wanted.last_day + timedelta(days=1))
        conditions.append(AssistedSession.opened_at < after)
    if wanted.is_open:
        conditions += [AssistedSession.ended_at.is_(None), AssistedSession.expires_at > now]
    return conditions


async def _told(
    session: AsyncSession, conditions: Sequence[ColumnElement[bool]], most: int
) -> tuple[Assisted, ...]:
    rows = await session.execute(
        select(AssistedSession, Account.number)
        .join(Account, Account.id == AssistedSession.account_id)
        .join(StaffMember, StaffMember.id == AssistedSession.staff_id)
        .where(*conditions)
        .order_by(AssistedSession.opened_at.desc(), AssistedSession.id)
        .limit(most)
    )
    return tuple([await _one(session, row, number) for row, number in rows.all()])


async def _one(session: AsyncSession, row: AssistedSession, number: str) -> Assisted:
    over_at = row.ended_at or row.expires_at
    return Assisted(
        id=row.id,
        who=row.staff_label,
        role=row.role,
        number=number,
        reason=row.reason,
        presence=row.presence,
        opened_at=row.opened_at,
        over_at=over_at,
        ended_by=row.ended_by,
        acts=await _acts(session, row, over_at),
    )


async def _notes(session: AsyncSession, vault: Vault, account_id: UUID) -> Mapping[UUID, str]:
    noted = select(AssistedSession.id, AssistedSession.sealed_note).where(
        AssistedSession.account_id == account_id, AssistedSession.sealed_note.is_not(None)
    )
    personal = await person_keys.for_reading(session, vault, account_id)
    return {
        row_id: personal.open(AssistedSession.__tablename__, "sealed_note", row_id, note)
        for row_id, note in await session.execute(noted)
        if note is not None
    }


async def _acts(session: AsyncSession, row: AssistedSession, over_at: datetime) -> tuple[str, ...]:
    """From the audit trail itself, so that nothing is told twice, or told and not done."""
    actions = await session.scalars(
        select(AuditRow.action)
        .where(
            AuditRow.at.between(row.opened_at, over_at),
            AuditRow.actor_kind == ActorKind.STAFF,
            AuditRow.actor_id == str(row.staff_id),
            AuditRow.detail["basis"].as_string() == audit.basis_of(row.id),
        )
        .order_by(AuditRow.id)
    )
    return tuple(action for action in actions if action not in _OWN_ROWS)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=LONDON).astimezone(UTC)
