"""A card is lost, stolen, damaged, found, or replaced."""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import charges, issuance, lifecycle
from cardservice.errors import NoSuchCard
from cardservice.models import Card, CardOrder, CardState
from cardservice.products import KENT_CARD
from identity import person_keys
from identity.actors import Actor
from identity.errors import InvalidDetails
from identity.personal import Vault

_REFERENCE: Final = re.compile(r"(?=.*[0-9])[0-9A-Z /-]{4,30}")


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


async def report(
    session: AsyncSession,
    vault: Vault,
    card_id: UUID,
    to: CardState,
    *,
    crime_reference: str = "",
    why: str | None = None,
    actor: Actor,
    now: datetime,
) -> Card:
    """Say what became of a card.

    Args:
        session: the transaction.
        vault: seals the crime reference with the holder's key.
        card_id: which.
        to: what became of it.
        crime_reference: that the police gave; only of a stolen card, and empty if none is known.
        why: code of the reason that staff gave.
        actor: who says so.
        now: when.

    Raises:
        NoSuchCard: no card with that id.
        MoveNotAllowed: that cannot become of it now.
        NotTheirMove: they may not say so.
        InvalidDetails: `crime_reference` cannot be one.
    """
    reference = checked_reference(crime_reference) if to is CardState.STOLEN else ""
    card = await lifecycle.locked(session, card_id)
    await lifecycle.move(session, card, to, why=why, actor=actor, now=now)
    if reference:
        personal = await person_keys.for_writing(session, vault, card.account_id)
        table, column = Card.__tablename__, "sealed_crime_reference"
        card.sealed_crime_reference = personal.seal(table, column, card.id, reference)
    return card


def checked_reference(typed: str) -> str:
    """A crime reference that can be kept; empty for none.

    Forces write theirs in ways of their own, so that it is not checked further than this.

    Raises:
        InvalidDetails: `crime_reference` is too long, has no digit or holds what none holds.
    """
    reference = " ".join(typed.split()).upper()
    if reference and not _REFERENCE.fullmatch(reference):
        raise InvalidDetails(
            {
                "crime_reference": "Enter the crime reference as the police gave it: letters, "
                "numbers, spaces, hyphens and slashes, 30 characters or fewer, with a number in it"
            }
        )
    return reference


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
