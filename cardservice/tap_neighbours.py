"""Each tap of a batch beside the one that its terminal took before it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from cardservice.holdings.cards import TAPS_KEPT
from cardservice.models import Tap, Terminal
from cardservice.reconciliation_models import TapTail
from readers.contract.chain import GENESIS
from readers.contract.services import Service
from readers.contract.wire import Mode, TapEvent

COLUMNS: Final = (
    *("terminal_id", "sequence", "taken_at", "received_at", "service", "accepted", "mode"),
    *("reason", "number", "status_index", "record_sequence", "repeats", "link", "batch"),
)


class SeenTap(msgspec.Struct, frozen=True):
    """A tap as it is stored."""

    terminal_id: UUID
    sequence: int
    taken_at: datetime
    received_at: datetime
    service: Service
    accepted: bool
    mode: Mode
    reason: str | None
    number: int | None
    status_index: int | None
    record_sequence: int | None
    repeats: int | None
    link: bytes | None
    batch: int | None

    def event(self) -> TapEvent:
        """What the terminal's link covers; a reason that is new to us stays a text."""
        return TapEvent(
            sequence=self.sequence,
            taken_at=self.taken_at,
            service=self.service,
            accepted=self.accepted,
            mode=self.mode,
            reason=self.reason,  # type: ignore[arg-type]  # see above
            number=self.number,
            status_index=self.status_index,
            record_sequence=self.record_sequence,
            repeats=self.repeats,
        )


class Before(msgspec.Struct, frozen=True):
    """What came before a tap.

    Attributes:
        taken_at: absent when the tap itself is no longer here, or there was none.
    """

    sequence: int
    link: bytes | None
    taken_at: datetime | None = None


class Pair(msgspec.Struct, frozen=True):
    """A tap and what came before it."""

    earlier: Before
    later: SeenTap


async def pairs_of(session: AsyncSession, batch: int, *, now: datetime) -> list[Pair]:
    """The taps of a batch, and those that follow one of them and were looked at before it.

    A tap of which nobody can say what came before it, because that is gone, is beside itself.
    """
    tails = await _tails(session, now)
    return [
        *await _with_earlier(session, batch, tails),
        *await _overtaken(session, batch),
    ]


async def _with_earlier(
    session: AsyncSession, batch: int, tails: Mapping[UUID, Before]
) -> list[Pair]:
    earlier, between = aliased(Tap), aliased(Tap)
    last = (
        select(func.max(between.sequence))
        .where(between.terminal_id == Tap.terminal_id, between.sequence < Tap.sequence)
        .correlate(Tap)
        .scalar_subquery()
    )
    query = (
        select(*(getattr(Tap, name) for name in COLUMNS))
        .add_columns(earlier.sequence, earlier.link, earlier.taken_at)
        .outerjoin(earlier, (earlier.terminal_id == Tap.terminal_id) & (earlier.sequence == last))
        .where(Tap.batch == batch, Tap.after_revocation.is_(False))
    )
    pairs = []
    for *columns, sequence, link, taken_at in await session.execute(query):
        tap = SeenTap(*columns)
        before = Before(sequence, link, taken_at) if sequence else tails.get(tap.terminal_id)
        if before is None or before.sequence >= tap.sequence:
            before = Before(tap.sequence - 1, None)
        pairs.append(Pair(before, tap))
    return pairs


async def _overtaken(session: AsyncSession, batch: int) -> list[Pair]:
    """Taps of batches before whose predecessor has come with this one."""
    later, between = aliased(Tap), aliased(Tap)
    following = (
        select(func.min(between.sequence))
        .where(between.terminal_id == Tap.terminal_id, between.sequence > Tap.sequence)
        .correlate(Tap)
        .scalar_subquery()
    )
    query = (
        select(*(getattr(later, name) for name in COLUMNS))
        .add_columns(Tap.sequence, Tap.link, Tap.taken_at)
        .join_from(
            Tap, later, (later.terminal_id == Tap.terminal_id) & (later.sequence == following)
        )
        .where(Tap.batch == batch, later.batch < batch, later.after_revocation.is_(False))
    )
    return [
        Pair(Before(sequence, link, taken_at), SeenTap(*columns))
        for *columns, sequence, link, taken_at in await session.execute(query)
    ]


async def _tails(session: AsyncSession, now: datetime) -> Mapping[UUID, Before]:
    """Terminal -> its newest tap that was looked at; of a new one, what stands before the first.

    Of a terminal whose taps may have been removed before anybody looked, nothing is known.
    """
    new = select(Terminal.id).where(Terminal.created_at > now - TAPS_KEPT)
    tails = {terminal_id: Before(0, GENESIS) for terminal_id in await session.scalars(new)}
    for tail in await session.scalars(select(TapTail)):
        tails[tail.terminal_id] = Before(tail.sequence, tail.link)
    return tails
