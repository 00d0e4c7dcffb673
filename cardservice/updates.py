"""Whether a card in use lacks something its holder was given or lost since it was written."""

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Card, CardState
from entitlements.models import Holder


async def owed(session: AsyncSession, card: Card) -> bool:
    """Whether the next online tap shall write the card."""
    if card.state is not CardState.ACTIVE:
        return False
    holder = await session.get(Holder, card.account_id)
    return holder is not None and holder.version > card.written_version
