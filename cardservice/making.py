"""A card that is made at a clerk's own reader: the order, how far it is, and its first tap.

Nothing of it is told to a session that the reader does not serve.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import pairing, progress
from cardservice.models import Card, CardOrder, OrderState, Tap, Terminal
from cardservice.pairing import Paired
from cardservice.progress_models import Progress
from cardservice.taps import ShownTap
from entitlements.models import ServiceRecord
from identity.sessions import SignedInSession

WATCHED_FOR: Final = timedelta(minutes=5)
"""How long a page looks again by itself: looking keeps a clerk signed in, so it has an end."""


class TestTap(msgspec.Struct, frozen=True):
    """What the reader answered to the first card that was tapped after one was made.

    Attributes:
        of_this_card: whether it was that one, as far as the reader could read it.
    """

    tap: ShownTap
    of_this_card: bool


class Making(msgspec.Struct, frozen=True):
    """An order at the clerk's own reader.

    Attributes:
        progress: the last card that was laid since; None while none was.
        tested: what the reader said after the card was made; None while nothing was tapped.
        is_watched: whether a page shall look again by itself.
    """

    order: CardOrder
    progress: Progress | None
    tested: TestTap | None
    is_watched: bool

    @property
    def is_made(self) -> bool:
        """Whether the card is there."""
        return self.order.state is OrderState.DONE


async def of_resident(
    session: AsyncSession, own: SignedInSession, account_id: UUID, *, now: datetime
) -> Making | None:
    """The newest order for a resident at this session's readers; None if there is none."""
    paired = await pairing.of_session(session, own, now=now)
    waits = CardOrder.state == OrderState.WAITING
    query = (
        select(CardOrder)
        .join(Card, Card.id == CardOrder.card_id)
        .where(Card.account_id == account_id)
        .where(CardOrder.pairing_id.in_([each.id for each in paired]))
        .order_by(waits.desc(), CardOrder.ordered_at.desc(), CardOrder.id.desc())
    )
    order = await session.scalar(query.limit(1).execution_options(populate_existing=True))
    if order is None or order.pairing_id is None:
        return None
    last = await progress.newest(session, order.pairing_id, order.id, since=order.ordered_at)
    made_at = order.closed_at if order.state is OrderState.DONE else None
    tested = await _tested(session, order.card_id, paired, made_at) if made_at else None
    return Making(order, last, tested, _is_watched(order, last, tested, now))


def _is_watched(
    order: CardOrder, last: Progress | None, tested: TestTap | None, now: datetime
) -> bool:
    if order.state is OrderState.CANCELLED or (tested and tested.of_this_card):
        return False
    happened = [order.ordered_at, order.closed_at, last.stage_at if last else None]
    return now - max(each for each in happened if each) < WATCHED_FOR


async def _tested(
    session: AsyncSession, card_id: UUID, paired: Sequence[Paired], made_at: datetime
) -> TestTap | None:
    """The last tap at one of the clerk's readers since the card was made."""
    query = (
        select(Tap, Terminal.place, ServiceRecord.carrier_id)
        .join(Terminal, Terminal.id == Tap.terminal_id)
        .outerjoin(
            ServiceRecord,
            (ServiceRecord.service == Tap.service)
            & (ServiceRecord.status_index == Tap.status_index),
        )
        .where(Tap.terminal_id.in_([each.terminal_id for each in paired]))
        .where(Tap.received_at >= made_at, Tap.after_revocation.is_(False))
        .order_by(Tap.received_at.desc(), Tap.sequence.desc())
    )
    row = (await session.execute(query.limit(1))).one_or_none()
    if row is None:
        return None
    tap, place, carrier_id = row
    shown = ShownTap(tap.taken_at, place, tap.service.value, tap.accepted, tap.reason)
    return TestTap(shown, carrier_id == card_id)
