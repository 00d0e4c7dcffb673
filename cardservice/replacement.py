"""A card is lost, found, or replaced."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, lifecycle
from cardservice.errors import NoSuchCard
from cardservice.models import Card, CardOrder, CardState
from identity.actors import Actor
from identity.personal import Vault


async def report_lost(session: AsyncSession, card_id: UUID, *, actor: Actor, now: datetime) -> Card:
    """Suspend a card: readers refuse it once they have the next status list.

    Raises:
        NoSuchCard: no card with that id.
        MoveNotAllowed: it is not in use.
    """
    card = await lifecycle.locked(session, card_id)
    await lifecycle.move(session, card, CardState.LOST, actor=actor, now=now)
    return card


async def found(session: AsyncSession, card_id: UUID, *, actor: Actor, now: datetime) -> Card:
    """Put a lost card back in use.

    Raises:
        NoSuchCard: no card with that id.
        MoveNotAllowed: it is not lost; one that was replaced stays refused.
    """
    card = await lifecycle.locked(session, card_id)
    await lifecycle.move(session, card, CardState.ACTIVE, actor=actor, now=now)
    return card


async def replace(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    terminal_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> CardOrder:
    """End the holder's card for ever and order another, with every entitlement they hold.

    Raises:
        NoSuchCard: there is no card to replace.
        MoveNotAllowed: their card is still to be made.
        NotADesk: the terminal makes no cards.
        IdentityNotShown: nobody has seen a document that shows who the resident is.
        DeskBusy: another order waits at the desk.
    """
    card = await lifecycle.live_card(session, account_id)
    if card is None:
        raise NoSuchCard("This resident has no card to replace.")
    await lifecycle.move(session, card, CardState.REPLACED, actor=actor, now=now)
    return await issuance.order(session, vault, account_id, terminal_id, actor=actor, now=now)
