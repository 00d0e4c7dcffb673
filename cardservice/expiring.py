"""Every night, cards whose last day is over expire: readers refuse them for ever."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle
from cardservice.database import Database
from cardservice.models import Card, CardState
from identity.actors import SYSTEM
from identity.dates import london_date

AT_ONCE: Final = 200
EXPIRING: Final = frozenset(before for before, to in lifecycle.MOVES if to is CardState.EXPIRED)
"""States from which a card expires."""


async def expire_cards(database: Database, *, now: datetime) -> int:
    """Each card in a transaction of its own; how many expired."""
    expired = 0
    while True:
        async with database.transaction() as session:
            due = await _due(session, now)
        if not due:
            return expired
        for card_id in due:
            async with database.transaction() as session:
                expired += await _expire(session, card_id, now)


async def _due(session: AsyncSession, now: datetime) -> Sequence[UUID]:
    over = Card.expires_on < london_date(now)
    query = select(Card.id).where(over, Card.state.in_(EXPIRING)).order_by(Card.expires_on, Card.id)
    return (await session.scalars(query.limit(AT_ONCE))).all()


async def _expire(session: AsyncSession, card_id: UUID, now: datetime) -> bool:
    card = await lifecycle.locked(session, card_id)
    if card.state not in EXPIRING:  # something else became of it meanwhile
        return False
    await lifecycle.move(session, card, CardState.EXPIRED, actor=SYSTEM, now=now)
    return True
