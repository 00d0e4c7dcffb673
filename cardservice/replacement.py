"""A card is lost, found, or replaced."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import charges, issuance, lifecycle
from cardservice.errors import NoSuchCard
from cardservice.models import Card, CardOrder, CardState
from cardservice.products import KENT_CARD
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
    terminal_id: UUID | None,
    *,
    product: str = KENT_CARD,
    actor: Actor,
    now: datetime,
    pairing_id: UUID | None = None,
) -> CardOrder:
    """End the holder's card for ever and order another, with every entitlement they hold.

    What that costs is charged for, as the table of moves says for the state the card was in.

    Raises:
        NoSuchCard: there is no card to replace.
        CardInHand: another is on its way.
        NotYourDesk: the desk's reader serves another browser than this pairing's.
        NotADesk: the terminal makes no cards.
        NoSuchProduct: such a card is not made there.
        IdentityNotShown: nobody has seen a document that shows who the resident is.
        DeskBusy: another order waits at the desk.
    """
    card = await lifecycle.live_card(session, account_id, product)
    if card is None:
        raise NoSuchCard("This resident has no card to replace.")
    cause = lifecycle.MOVES[card.state, CardState.REPLACED].charge
    await lifecycle.move(session, card, CardState.REPLACED, actor=actor, now=now)
    placed = await issuance.order(
        session,
        vault,
        account_id,
        terminal_id,
        product=product,
        actor=actor,
        now=now,
        pairing_id=pairing_id,
    )
    if cause is not None:
        another = await lifecycle.locked(session, placed.card_id)
        told = card.sealed_crime_reference is not None
        await charges.charge_for(
            session, another, cause, has_crime_reference=told, actor=actor, now=now
        )
    return placed
