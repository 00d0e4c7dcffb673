"""What is kept for too long is removed: the table of holdings applied, a batch at a time.

There is no list of what is done: a run that is broken off is simply run again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import delete, func, inspect, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import taps
from cardservice.erasing import children_first
from cardservice.holdings import HOLDINGS
from cardservice.holdings.cards import TAPS_KEPT
from cardservice.holdings.holding import Holding, Period
from cardservice.models import Tap, TapConflict
from identity import audit
from identity.actors import SYSTEM

ROWS_AT_ONCE: Final = 500
_BY_BATCH: Final = frozenset({Tap, TapConflict})
"""Sealed in the trail, so that they go by whole batches and the trail says so."""

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Over(msgspec.Struct, frozen=True):
    """Rows of one line of the table whose time is over.

    Attributes:
        table: name of the table.
        what: what they are.
        kept: for how long they are kept.
        rows: how many.
    """

    table: str
    what: str
    kept: str
    rows: int


async def preview(
    session: AsyncSession, *, now: datetime, taps_kept: timedelta = TAPS_KEPT
) -> tuple[Over, ...]:
    """What a run would remove now, for every line that has a period."""
    found = []
    for holding, period in _lines(HOLDINGS, taps_kept):
        over = period.is_over(now - period.length)
        count = select(func.count()).select_from(holding.model).where(over)
        found.append(_over(holding, period, await session.scalar(count) or 0))
    return tuple(found)


async def run(
    transaction: Transaction,
    *,
    now: datetime,
    most: int = ROWS_AT_ONCE,
    holdings: Sequence[Holding] = HOLDINGS,
    taps_kept: timedelta = TAPS_KEPT,
) -> AsyncIterator[Over]:
    """Remove what is over, `most` rows in one transaction; taps by whole sealed batches.

    Args:
        transaction: opens one.
        now: when.
        most: rows in one transaction.
        holdings: lines of the table; all of them, if nothing else is said.
        taps_kept: how long taps are kept; at most as long as the table says.

    Yields:
        Each line of which something was removed, when it is done.
    """
    for holding, period in _lines(holdings, taps_kept):
        removed = 0
        while True:
            async with transaction() as session:
                some = await _remove_some(session, holding, period, most=most, now=now)
            removed += some
            if not some:
                break
        if removed:
            yield _over(holding, period, removed)


def _lines(holdings: Sequence[Holding], taps_kept: timedelta) -> list[tuple[Holding, Period]]:
    ordered = children_first(holdings)
    lines = [(each, each.period) for each in ordered if each.period is not None]
    return [
        (each, replace(period, length=taps_kept) if each.model in _BY_BATCH else period)
        for each, period in lines
    ]


def _over(holding: Holding, period: Period, rows: int) -> Over:
    return Over(holding.table, holding.what, period.in_words(), rows)


async def _remove_some(
    session: AsyncSession, holding: Holding, period: Period, *, most: int, now: datetime
) -> int:
    before = now - period.length
    if holding.model in _BY_BATCH:
        return await taps.forget_batch(session, before=before, now=now)
    keys = inspect(holding.model).primary_key
    doomed = select(*keys).where(period.is_over(before)).limit(most)
    removing = delete(holding.model).where(tuple_(*keys).in_(doomed)).returning(literal(1))
    done = await session.execute(removing.execution_options(synchronize_session=False))
    rows = len(done.all())
    if rows:
        subject, detail = audit.subject_of("table", holding.table), {"rows": rows}
        audit.record(session, "retention-applied", subject, actor=SYSTEM, now=now, detail=detail)
    return rows
