"""Whether a card in use lacks something its holder was given or lost since it was written."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle
from cardservice.errors import MoveNotAllowed
from cardservice.models import Card, CardState
from entitlements.models import Holder
from identity import audit
from identity.actors import Actor

NOTHING_KNOWN: Final = -1
"""Version of a card of which it is not known what it carries: all of it is written."""


async def owed(session: AsyncSession, card: Card) -> bool:
    """Whether the next online tap shall write the card."""
    if card.state is not CardState.ACTIVE:
        return False
    holder = await session.get(Holder, card.account_id)
    return holder is not None and holder.version > card.written_version


async def rewrite(session: AsyncSession, card_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Have a whole card written again at its next online tap, whatever it is known to carry.

    Raises:
        NoSuchCard: no card with that id.
        MoveNotAllowed: it is not in use.
    """
    card = await lifecycle.locked(session, card_id)
    if card.state is not CardState.ACTIVE:
        raise MoveNotAllowed("Only a card in use can be written again.")
    card.written_version = NOTHING_KNOWN
    subject = audit.subject_of("card", card.id)
    audit.record(session, "card-rewrite-asked", subject, actor=actor, now=now)
