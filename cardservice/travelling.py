"""One card at two places in less time than any journey takes."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Tap, Terminal
from cardservice.tap_neighbours import COLUMNS, SeenTap
from entitlements.models import ServiceRecord

SHORTEST_JOURNEY: Final = timedelta(minutes=5)
"""Nobody gets from one named place to another in less. No place here has coordinates, so that the
two libraries of one street count as far apart as Dartford and Dover; the time is short enough for
that, and longer than two clocks may differ."""

CARDS_AT_ONCE: Final = 500


class Met(msgspec.Struct, frozen=True):
    """Two taps of one card."""

    earlier: SeenTap
    later: SeenTap


async def impossible(session: AsyncSession, taps: Sequence[SeenTap]) -> list[Met]:
    """Pairs of taps, at least one of them among these, that one card cannot both have made."""
    if not taps:
        return []
    since = min(tap.taken_at for tap in taps) - SHORTEST_JOURNEY
    until = max(tap.taken_at for tap in taps) + SHORTEST_JOURNEY
    cards = await _cards_of(session, taps)
    met: list[Met] = []
    for start in range(0, len(cards), CARDS_AT_ONCE):
        some = cards[start : start + CARDS_AT_ONCE]
        query = (
            select(ServiceRecord.carrier_id, Terminal.place)
            .add_columns(*(getattr(Tap, name) for name in COLUMNS))
            .join_from(
                Tap,
                ServiceRecord,
                (ServiceRecord.service == Tap.service)
                & (ServiceRecord.status_index == Tap.status_index),
            )
            .join(Terminal, Terminal.id == Tap.terminal_id)
            .where(
                ServiceRecord.carrier_id.in_(some),
                Tap.taken_at.between(since, until),
                Tap.after_revocation.is_(False),
            )
            .order_by(ServiceRecord.carrier_id, Tap.taken_at)
        )
        rows = [(card, place, SeenTap(*tap)) for card, place, *tap in await session.execute(query)]
        met += [
            Met(earlier, later)
            for (card, place, earlier), (other, elsewhere, later) in pairwise(rows)
            if card == other
            and place != elsewhere
            and later.taken_at - earlier.taken_at < SHORTEST_JOURNEY
        ]
    return met


async def _cards_of(session: AsyncSession, taps: Sequence[SeenTap]) -> list[UUID]:
    """Of those taps that name a record."""
    (batch,) = {tap.batch for tap in taps}
    query = (
        select(ServiceRecord.carrier_id)
        .distinct()
        .join_from(
            Tap,
            ServiceRecord,
            (ServiceRecord.service == Tap.service)
            & (ServiceRecord.status_index == Tap.status_index),
        )
        .where(Tap.batch == batch, Tap.after_revocation.is_(False))
        .order_by(ServiceRecord.carrier_id)
    )
    return list(await session.scalars(query))
