"""A card is ordered at a desk, made from the blank that is laid there, and becomes active."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle, pairing
from cardservice.errors import (
    CardInHand,
    DeskBusy,
    IdentityNotShown,
    MoveNotAllowed,
    NotADesk,
    NotYourDesk,
)
from cardservice.models import Card, CardOrder, CardState, OrderState, Terminal
from identity import accounts, audit
from identity.actors import Actor
from identity.personal import Vault
from readers.contract.wire import Purpose


class Waiting(NamedTuple):
    """An order that waits at a desk, and the card it is for."""

    order: CardOrder
    card: Card


async def order(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    terminal_id: UUID,
    *,
    actor: Actor,
    now: datetime,
    pairing_id: UUID | None = None,
) -> CardOrder:
    """Order a card, to be made at a desk from the next blank that is laid there.

    Args:
        session: of the request.
        vault: opens what is known of the resident.
        account_id: of the resident.
        terminal_id: the desk.
        actor: who orders.
        now: when.
        pairing_id: of the desk's reader with the clerk's browser; None where nobody is paired.

    Raises:
        NotYourDesk: the desk's reader serves another browser, or no longer this one.
        NotADesk: the terminal makes no cards, is not enrolled or was revoked.
        IdentityNotShown: nobody has seen a document that shows who the resident is.
        CardInHand: the holder has a live card.
        MoveNotAllowed: the resident is recorded as deceased.
        DeskBusy: another order waits at the desk.
    """
    await _check_desk(session, terminal_id, pairing_id, now)
    await lifecycle.check_holder(session, account_id)
    await _check_identity(session, vault, account_id)
    if (existing := await lifecycle.live_card(session, account_id)) is not None:
        raise CardInHand(
            "A card is already ordered for this resident."
            if existing.state is CardState.ORDERED
            else "This resident has a card. Replace it, or use it."
        )
    card = Card(account_id=account_id, created_at=now, state_since=now)
    try:
        async with session.begin_nested():
            session.add(card)
    except IntegrityError as error:  # two desks at once: the database lets one through
        raise CardInHand("A card is already ordered for this resident.") from error
    placed = CardOrder(
        card_id=card.id, terminal_id=terminal_id, pairing_id=pairing_id, ordered_at=now
    )
    try:
        async with session.begin_nested():
            session.add(placed)
    except IntegrityError as error:
        raise DeskBusy("Another card waits to be made at this desk. Make or cancel it.") from error
    detail = {"account": str(account_id), "desk": str(terminal_id)}
    subject = audit.subject_of("card", card.id)
    audit.record(session, "card-ordered", subject, actor=actor, now=now, detail=detail)
    return placed


async def cancel(session: AsyncSession, order_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Cancel an order that waits; what was begun on a chip is refused for ever.

    Raises:
        MoveNotAllowed: the order does not wait any more.
    """
    query = select(CardOrder).where(CardOrder.id == order_id).with_for_update()
    placed = await session.scalar(query)
    if placed is None or placed.state is not OrderState.WAITING:
        raise MoveNotAllowed("This order does not wait any more.")
    placed.state, placed.closed_at = OrderState.CANCELLED, now
    card = await lifecycle.locked(session, placed.card_id)
    await lifecycle.move(session, card, CardState.FAILED, actor=actor, now=now)


async def waiting_at(
    session: AsyncSession, terminal_id: UUID, pairing_id: UUID | None = None
) -> Waiting | None:
    """The order that waits at a desk for this pairing of its reader, locked with its card.

    None if there is none: a blank that one clerk lays is never taken for another's order.
    """
    query = (
        select(CardOrder)
        .where(
            CardOrder.terminal_id == terminal_id,
            CardOrder.pairing_id.is_not_distinct_from(pairing_id),
            CardOrder.state == OrderState.WAITING,
        )
        .with_for_update()
    )
    placed = await session.scalar(query)
    if placed is None:
        return None
    return Waiting(placed, await lifecycle.locked(session, placed.card_id))


async def another_chip(
    session: AsyncSession, waiting: Waiting, *, actor: Actor, now: datetime
) -> Card:
    """Go on with another blank: what was begun on the first chip is refused for ever."""
    first = waiting.card
    await lifecycle.move(session, first, CardState.FAILED, actor=actor, now=now)
    card = Card(account_id=first.account_id, created_at=now, state_since=now)
    session.add(card)
    await session.flush()
    waiting.order.card_id = card.id
    return card


async def complete(session: AsyncSession, card: Card, *, actor: Actor, now: datetime) -> None:
    """The card was made: it is active from now on and its order is done."""
    if card.state is CardState.ORDERED:
        await lifecycle.move(session, card, CardState.ACTIVE, actor=actor, now=now)
    query = select(CardOrder).where(
        CardOrder.card_id == card.id, CardOrder.state == OrderState.WAITING
    )
    for placed in await session.scalars(query):
        placed.state, placed.closed_at = OrderState.DONE, now


async def cards_of(session: AsyncSession, account_id: UUID) -> Sequence[Card]:
    """Every card a resident ever had, newest first."""
    query = select(Card).where(Card.account_id == account_id)
    return (await session.scalars(query.order_by(Card.created_at.desc(), Card.id))).all()


async def _check_desk(
    session: AsyncSession, terminal_id: UUID, pairing_id: UUID | None, now: datetime
) -> None:
    desk = await session.get(Terminal, terminal_id)
    ready = desk is not None and desk.public_key is not None and desk.revoked_at is None
    if desk is None or not ready or Purpose.PERSONALISE.value not in desk.purposes:
        raise NotADesk("Choose a desk that makes cards.")
    if await pairing.of_terminal(session, terminal_id, now=now) != pairing_id:
        raise NotYourDesk(
            "The reader of this desk is not paired with your browser. Pair it, then try again."
        )


async def may_be_ordered_for(session: AsyncSession, vault: Vault, account_id: UUID) -> bool:
    """Whether somebody has seen a document that shows who the resident is.

    Raises:
        NoSuchAccount: no account with that id.
    """
    facts = await accounts.known_facts(session, vault, account_id)
    return facts.birth_date is not None  # known once a document has shown it, and not before


async def _check_identity(session: AsyncSession, vault: Vault, account_id: UUID) -> None:
    if not await may_be_ordered_for(session, vault, account_id):
        raise IdentityNotShown(
            "Nobody has seen a document that shows who this resident is. "
            "Record one, then order the card."
        )
