"""What does not add up in the taps, as staff see it and close it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.errors import NoSuchFinding
from cardservice.models import Tap, TapConflict, Terminal
from cardservice.reconciliation_models import FindingKind, TapFinding
from entitlements.models import ServiceRecord
from identity import audit
from identity.actors import Actor
from readers.contract.services import Service

NOTE_LENGTH: Final = 500
MOST_TAPS: Final = 20


class Waiting(msgspec.Struct, frozen=True):
    """A finding that nobody has closed; nobody's name is in it."""

    id: int
    kind: FindingKind
    terminal: str
    place: str
    found_at: datetime
    first: int
    last: int


class NamedTap(msgspec.Struct, frozen=True):
    """A tap that a finding names.

    Attributes:
        account_id: of whoever the card belongs to, for staff who may open a record.
    """

    place: str
    sequence: int
    taken_at: datetime
    received_at: datetime
    service: Service
    accepted: bool
    account_id: UUID | None


class Detail(msgspec.Struct, frozen=True):
    """A finding with the taps it names, as far as they are still kept.

    Attributes:
        also_sent: what else was sent under the number, of a duplicate.
    """

    finding: TapFinding
    terminal: str
    place: str
    taps: Sequence[NamedTap]
    also_sent: Sequence[dict[str, Any]]


class Closed(msgspec.Struct, frozen=True):
    """It is closed."""


class ClosedBefore(msgspec.Struct, frozen=True):
    """Somebody else had closed it."""


class NoteWanted(msgspec.Struct, frozen=True):
    """There is no note, or it is too long."""


async def waiting(session: AsyncSession, *, most: int = 50) -> tuple[int, Sequence[Waiting]]:
    """How many are open, and the oldest of them."""
    count = await session.scalar(
        select(func.count()).select_from(TapFinding).where(TapFinding.closed_at.is_(None))
    )
    query = (
        select(TapFinding, Terminal.name, Terminal.place)
        .join(Terminal, Terminal.id == TapFinding.terminal_id)
        .where(TapFinding.closed_at.is_(None))
        .order_by(TapFinding.found_at, TapFinding.id)
        .limit(most)
    )
    return count or 0, [
        Waiting(one.id, one.kind, name, place, one.found_at, one.first_sequence, one.last_sequence)
        for one, name, place in await session.execute(query)
    ]


async def detail(session: AsyncSession, finding_id: int, *, actor: Actor, now: datetime) -> Detail:
    """One finding. The look is kept in the trail: its taps may lead to a resident.

    Raises:
        NoSuchFinding: no finding with that id.
    """
    finding = await _one(session, finding_id)
    terminal = await session.get_one(Terminal, finding.terminal_id)
    _audit(session, "tap-finding-read", finding, actor=actor, now=now)
    conflicts = select(TapConflict.event).where(
        TapConflict.terminal_id == finding.terminal_id,
        TapConflict.sequence == finding.first_sequence,
    )
    is_duplicate = finding.kind is FindingKind.DUPLICATE
    also_sent = (await session.scalars(conflicts)).all() if is_duplicate else ()
    taps = await _taps(session, finding)
    return Detail(finding, terminal.name, terminal.place, taps, also_sent)


async def close(
    session: AsyncSession, finding_id: int, note: str, *, actor: Actor, now: datetime
) -> Closed | ClosedBefore | NoteWanted:
    """Close a finding with what was found out.

    Raises:
        NoSuchFinding: no finding with that id.
    """
    if not 0 < len(note.strip()) <= NOTE_LENGTH:
        return NoteWanted()
    finding = await _one(session, finding_id, lock=True)
    if finding.closed_at is not None:
        return ClosedBefore()
    finding.closed_at, finding.closed_by, finding.note = now, actor.id, note.strip()
    _audit(session, "tap-finding-closed", finding, actor=actor, now=now)
    return Closed()


async def _one(session: AsyncSession, finding_id: int, *, lock: bool = False) -> TapFinding:
    query = select(TapFinding).where(TapFinding.id == finding_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(query)
    if found is None:
        raise NoSuchFinding("There is no such finding.")
    return found


async def _taps(session: AsyncSession, finding: TapFinding) -> Sequence[NamedTap]:
    named = (Tap.terminal_id == finding.terminal_id) & Tap.sequence.between(
        finding.first_sequence - 1, finding.last_sequence + 1
    )
    if finding.kind is FindingKind.IMPOSSIBLE_TRAVEL:
        named = (
            (Tap.terminal_id == finding.terminal_id) & (Tap.sequence == finding.first_sequence)
        ) | (
            (Tap.terminal_id == finding.other_terminal_id)
            & (Tap.sequence == finding.other_sequence)
        )
    travel = finding.kind is FindingKind.IMPOSSIBLE_TRAVEL
    query = (
        select(
            Terminal.place,
            Tap.sequence,
            Tap.taken_at,
            Tap.received_at,
            Tap.service,
            Tap.accepted,
            ServiceRecord.account_id,
        )
        .join_from(Tap, Terminal, Terminal.id == Tap.terminal_id)
        .outerjoin(
            ServiceRecord,
            (ServiceRecord.service == Tap.service)
            & (ServiceRecord.status_index == Tap.status_index),
        )
        .where(named)
        .order_by(Tap.taken_at, Tap.sequence)
        .limit(MOST_TAPS)
    )
    return [
        NamedTap(place, number, taken, got, service, accepted, whose if travel else None)
        for place, number, taken, got, service, accepted, whose in await session.execute(query)
    ]


def _audit(
    session: AsyncSession, action: str, finding: TapFinding, *, actor: Actor, now: datetime
) -> None:
    subject = audit.subject_of("tap-finding", str(finding.id))
    audit.record(session, action, subject, actor=actor, now=now)
