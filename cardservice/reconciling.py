"""Looks for what does not add up in the taps: missing, changed, twice, at odd times or places.

A batch of the audit at a time, each in a transaction, a while after it was sealed: of two taps at
two readers of one terminal the later one may be uploaded first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import tap_neighbours, travelling
from cardservice.models import Tap, TapConflict
from cardservice.reconciliation_models import FindingKind, TapFinding, TapsLookedAt, TapTail
from cardservice.tap_neighbours import Pair, SeenTap
from cardservice.taps import STREAM, insert_new
from identity import audit
from identity.actors import SYSTEM
from identity.trail_models import AuditBatch
from readers.contract.chain import link

SETTLED_AFTER: Final = timedelta(minutes=10)
"""How long ago a batch was sealed when it is looked at."""

CLOCK_MAY_DIFFER: Final = timedelta(minutes=2)
"""Twice what a request of a terminal may be off before it is refused."""

ARRIVED: Final = "All of them have arrived since."
CONFLICTS_AT_ONCE: Final = 1000


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not add up, with the columns of `TapFinding`."""

    kind: FindingKind
    terminal_id: UUID
    first_sequence: int
    last_sequence: int
    seconds: int | None = None
    other_terminal_id: UUID | None = None
    other_sequence: int | None = None


class LookedAt(msgspec.Struct, frozen=True):
    """A batch that was looked at: how many taps, and how many new findings."""

    taps: int
    findings: int


class NothingToLookAt(msgspec.Struct, frozen=True):
    """Every batch that is old enough was looked at."""


async def look_at_next(session: AsyncSession, *, now: datetime) -> LookedAt | NothingToLookAt:
    """Look at the next batch, and at what was sent twice since. Workers take turns."""
    so_far = await _so_far(session)
    twice = await _twice(session, so_far)
    batch = await session.scalar(
        select(func.min(AuditBatch.number)).where(
            AuditBatch.stream == STREAM.name,
            AuditBatch.number > so_far.batch,
            AuditBatch.at <= now - SETTLED_AFTER,
        )
    )
    if batch is None:
        await _keep(session, twice, now=now)
        return NothingToLookAt()
    so_far.batch = batch
    pairs = await tap_neighbours.pairs_of(session, batch, now=now)
    later = [pair.later for pair in pairs if pair.later.batch == batch]
    met = await travelling.impossible(session, later)
    found = [*twice, *_out_of_line(pairs), *_clocks(pairs, batch)]
    found += [
        Found(
            kind=FindingKind.IMPOSSIBLE_TRAVEL,
            terminal_id=each.later.terminal_id,
            first_sequence=each.later.sequence,
            last_sequence=each.later.sequence,
            other_terminal_id=each.earlier.terminal_id,
            other_sequence=each.earlier.sequence,
            seconds=int((each.later.taken_at - each.earlier.taken_at).total_seconds()),
        )
        for each in met
    ]
    new = await _keep(session, found, now=now)
    await _close_filled(session, {tap.terminal_id for tap in later}, now=now)
    await _move_tails(session, later)
    return LookedAt(len(later), new)


async def _so_far(session: AsyncSession) -> TapsLookedAt:
    await session.execute(insert_new(session, TapsLookedAt), [{"id": 1, "batch": 0, "conflict": 0}])
    query = select(TapsLookedAt).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(query)).one()


async def _twice(session: AsyncSession, so_far: TapsLookedAt) -> list[Found]:
    query = (
        select(TapConflict.id, TapConflict.terminal_id, TapConflict.sequence)
        .where(TapConflict.id > so_far.conflict)
        .order_by(TapConflict.id)
        .limit(CONFLICTS_AT_ONCE)
    )
    found = []
    for number, terminal_id, sequence in await session.execute(query):
        so_far.conflict = number
        found.append(
            Found(
                kind=FindingKind.DUPLICATE,
                terminal_id=terminal_id,
                first_sequence=sequence,
                last_sequence=sequence,
            )
        )
    return found


def _out_of_line(pairs: Sequence[Pair]) -> Iterator[Found]:
    """Numbers that are missing, and links that do not fit.

    Numbers that a terminal skipped are no gap where the chain shows that no tap lies between.
    """
    for pair in pairs:
        before, tap = pair.earlier, pair.later
        skipped = tap.sequence > before.sequence + 1
        chained = before.link is not None and tap.link is not None
        if before.link is not None and tap.link is not None:
            fits = link(before.link, tap.event()) == tap.link
        else:
            fits = not skipped
        if fits:
            continue
        kind = FindingKind.BROKEN_CHAIN if chained and not skipped else FindingKind.GAP
        yield Found(
            kind=kind,
            terminal_id=tap.terminal_id,
            first_sequence=before.sequence + 1,
            last_sequence=tap.sequence - 1 if kind is FindingKind.GAP else tap.sequence,
        )


def _clocks(pairs: Sequence[Pair], batch: int) -> Iterator[Found]:
    """One finding for each terminal: its clock was ahead of ours, or was set back."""
    off: dict[UUID, list[tuple[int, timedelta]]] = {}
    for pair in pairs:
        tap = pair.later
        if tap.batch != batch:
            continue
        by = tap.taken_at - tap.received_at
        if pair.earlier.taken_at is not None:
            by = max(by, pair.earlier.taken_at - tap.taken_at)
        if by > CLOCK_MAY_DIFFER:
            off.setdefault(tap.terminal_id, []).append((tap.sequence, by))
    for terminal_id, taps in off.items():
        yield Found(
            kind=FindingKind.CLOCK_DRIFT,
            terminal_id=terminal_id,
            first_sequence=min(sequence for sequence, _ in taps),
            last_sequence=max(sequence for sequence, _ in taps),
            seconds=int(max(by for _, by in taps).total_seconds()),
        )


async def _keep(session: AsyncSession, found: Sequence[Found], *, now: datetime) -> int:
    """Store what is new; a gap that was partly filled ends sooner than it did. How many are new."""
    for gap in (each for each in found if each.kind is FindingKind.GAP):
        await session.execute(
            update(TapFinding)
            .where(
                TapFinding.kind == FindingKind.GAP,
                TapFinding.terminal_id == gap.terminal_id,
                TapFinding.first_sequence == gap.first_sequence,
                TapFinding.last_sequence > gap.last_sequence,
                TapFinding.closed_at.is_(None),
            )
            .values(last_sequence=gap.last_sequence)
        )
    if not found:
        return 0
    rows = [msgspec.structs.asdict(each) | {"found_at": now} for each in found]
    adding = insert_new(session, TapFinding).returning(TapFinding.id)
    return len((await session.scalars(adding, rows)).all())


async def _close_filled(session: AsyncSession, terminals: set[UUID], *, now: datetime) -> None:
    """Close the gaps whose taps have all arrived."""
    open_gaps = select(TapFinding).where(
        TapFinding.kind == FindingKind.GAP,
        TapFinding.closed_at.is_(None),
        TapFinding.terminal_id.in_(terminals),
    )
    for gap in await session.scalars(open_gaps):
        here = select(func.count()).where(
            Tap.terminal_id == gap.terminal_id,
            Tap.sequence.between(gap.first_sequence, gap.last_sequence),
        )
        if await session.scalar(here) == gap.last_sequence - gap.first_sequence + 1:
            gap.closed_at, gap.closed_by, gap.note = now, SYSTEM.id, ARRIVED
            subject = audit.subject_of("tap-finding", str(gap.id))
            audit.record(session, "tap-finding-closed", subject, actor=SYSTEM, now=now)


async def _move_tails(session: AsyncSession, taps: Sequence[SeenTap]) -> None:
    newest = {tap.terminal_id: tap for tap in sorted(taps, key=lambda tap: tap.sequence)}
    for terminal_id, tap in newest.items():
        tail = await session.get(TapTail, terminal_id)
        if tail is None:
            session.add(TapTail(terminal_id=terminal_id, sequence=tap.sequence, link=tap.link))
        elif tail.sequence < tap.sequence:
            tail.sequence, tail.link = tap.sequence, tap.link
