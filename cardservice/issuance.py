"""A card is ordered, made from a blank at a desk or by a bureau, and becomes active."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import charges, lifecycle, pairing, products
from cardservice.errors import (
    CardInHand,
    DeskBusy,
    IdentityNotShown,
    MoveNotAllowed,
    NoSuchProduct,
    NotADesk,
    NotYourDesk,
)
from cardservice.models import Card, CardOrder, CardState, OrderState, Terminal
from cardservice.products import KENT_CARD, Maker
from entitlements import grants, rulebooks
from identity import accounts, audit
from identity.actors import Actor
from identity.dates import london_date
from identity.personal import Vault
from readers.contract.wire import Purpose

_ON_ITS_WAY: Final = "A card is already ordered for this resident."


class Term(NamedTuple):
    """What a card rests on that is ordered before its time: the next one of a holder.

    Attributes:
        first: the day from which it counts: the day after the old one's last.
        schemes: what its holder may have then; they need not hold it yet.
    """

    first: date
    schemes: frozenset[str]


class Waiting(NamedTuple):
    """An order that waits at a desk, and the card it is for."""

    order: CardOrder
    card: Card


async def order(
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
    """Order a card for who has none.

    Args:
        session: the transaction.
        vault: opens what is known of the resident.
        account_id: the holder to be.
        terminal_id: the desk that makes it from the next blank that is laid there; None for a
            bureau that makes it and posts it.
        product: id of what is ordered.
        actor: who orders it.
        now: when.
        pairing_id: of the desk's reader with the clerk's browser; None where nobody is paired.

    Raises:
        NotYourDesk: the desk's reader serves another browser, or no longer this one.
        NotADesk: the terminal makes no cards, is not enrolled or was revoked.
        NoSuchProduct: there is no such card today, it is not made there, or the resident has
            nothing of what it stands for.
        IdentityNotShown: nobody has seen a document that shows who the resident is.
        CardInHand: the holder has such a card, or one is on its way.
        MoveNotAllowed: the resident is recorded as deceased.
        DeskBusy: another order waits at the desk.
    """
    if await lifecycle.live_card(session, account_id, product) is not None:
        raise CardInHand("This resident has a card. Replace it, or use it.")
    await _check_maker(session, terminal_id, pairing_id, product, now)
    card = await _allowed(session, vault, account_id, product, None, now)
    return await _place(session, card, terminal_id, pairing_id, actor=actor, now=now)


async def renew(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    *,
    product: str = KENT_CARD,
    term: Term,
    actor: Actor,
    now: datetime,
) -> CardOrder:
    """Order a card from a bureau that takes the place of the holder's once it is in use.

    Args:
        session: the transaction.
        vault: opens what is known of the resident.
        account_id: the holder.
        product: id of what is ordered.
        term: from which it counts, and what it stands for then.
        actor: who orders it.
        now: when.

    Raises:
        NoSuchProduct: there is no such card then, no bureau makes it, or the resident has nothing
            of what it stands for.
        IdentityNotShown: nobody has seen a document that shows who the resident is.
        CardInHand: another is on its way.
        MoveNotAllowed: the resident is recorded as deceased.
    """
    await _check_maker(session, None, None, product, now)
    card = await _allowed(session, vault, account_id, product, term, now)
    return await _place(session, card, None, None, actor=actor, now=now)


async def cancel(session: AsyncSession, order_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Cancel an order that waits; what was begun on a chip is refused for ever.

    Raises:
        MoveNotAllowed: the order does not wait any more.
    """
    query = select(CardOrder).where(CardOrder.id == order_id).with_for_update()
    placed = await session.scalar(query)
    if placed is None or placed.state is not OrderState.WAITING:
        raise MoveNotAllowed("This order does not wait any more.")
    card = await lifecycle.locked(session, placed.card_id)
    await cancel_card(session, card, actor=actor, now=now)


async def cancel_card(session: AsyncSession, card: Card, *, actor: Actor, now: datetime) -> None:
    """Cancel the order of a locked card that was not made yet.

    Raises:
        MoveNotAllowed: it was made.
    """
    await lifecycle.move(session, card, CardState.DESTROYED, actor=actor, now=now)
    await _close_orders(session, card, OrderState.CANCELLED, now)
    await charges.let_go(session, card, actor=actor, now=now)


async def bring(
    session: AsyncSession,
    card_id: UUID,
    terminal_id: UUID,
    pairing_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> CardOrder:
    """Make an ordered card at this desk, wherever it was to be made; a torn one goes on here.

    Raises:
        NotADesk: the terminal makes no cards, or none of this product.
        NotYourDesk: the desk's reader does not serve that pairing.
        MoveNotAllowed: no order for the card waits.
        DeskBusy: another order waits for the pairing.
    """
    card = await lifecycle.locked(session, card_id)
    await _check_maker(session, terminal_id, pairing_id, card.product, now)
    query = select(CardOrder).where(
        CardOrder.card_id == card_id, CardOrder.state == OrderState.WAITING
    )
    placed = await session.scalar(query.with_for_update())
    if placed is None:
        raise MoveNotAllowed("No order waits for this card.")
    placed.terminal_id, placed.pairing_id, placed.ordered_at = terminal_id, pairing_id, now
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        raise DeskBusy("Another card waits to be made at this desk. Make or cancel it.") from error
    detail = {"desk": str(terminal_id)}
    subject = audit.subject_of("card", card_id)
    audit.record(session, "card-brought-to-desk", subject, actor=actor, now=now, detail=detail)
    return placed


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
    card = await _in_place_of(session, waiting.card, actor=actor, now=now)
    waiting.order.card_id = card.id
    return card


async def order_again(session: AsyncSession, first: Card, *, actor: Actor, now: datetime) -> Card:
    """Order a card of a bureau again that it could not make: the same, with the same last day.

    Raises:
        MoveNotAllowed: it was made.
    """
    await _close_orders(session, first, OrderState.CANCELLED, now)
    card = await _in_place_of(session, first, actor=actor, now=now)
    session.add(CardOrder(card_id=card.id, terminal_id=None, ordered_at=now))
    subject, detail = audit.subject_of("card", card.id), {"instead_of": str(first.id)}
    audit.record(session, "card-ordered-again", subject, actor=actor, now=now, detail=detail)
    await session.flush()
    return card


async def _in_place_of(session: AsyncSession, first: Card, *, actor: Actor, now: datetime) -> Card:
    await lifecycle.move(session, first, CardState.DESTROYED, actor=actor, now=now)
    card = Card(
        account_id=first.account_id,
        created_at=now,
        state_since=now,
        product=first.product,
        strip=first.strip,
        expires_on=first.expires_on,
    )
    session.add(card)
    await session.flush()
    await charges.follow(session, first, card)
    return card


async def complete(
    session: AsyncSession,
    card: Card,
    *,
    to: CardState = CardState.ACTIVE,
    actor: Actor,
    now: datetime,
) -> None:
    """The card was made and its order is done: it is in use, or waits to be posted."""
    if card.state is CardState.ORDERED:
        await lifecycle.move(session, card, to, actor=actor, now=now)
    await _close_orders(session, card, OrderState.DONE, now)


async def cards_of(session: AsyncSession, account_id: UUID) -> Sequence[Card]:
    """Every card a resident ever had, newest first."""
    query = select(Card).where(Card.account_id == account_id)
    return (await session.scalars(query.order_by(Card.created_at.desc(), Card.id))).all()


async def new_card(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    product_id: str,
    *,
    term: Term | None = None,
    now: datetime,
) -> Card:
    """A card as it would be ordered: its product, its strip and its last day; it is not stored.

    Raises:
        NoSuchProduct: there is no such card today, or the resident has nothing it stands for.
    """
    on = term.first if term else london_date(now)
    product = products.built_in().product(product_id, on)
    if product is None:
        raise NoSuchProduct("There is no such card on that day.")
    held = {each.scheme for each in await grants.current(session, account_id, on)}
    strip = product.strip_for(held | (term.schemes if term else frozenset()))
    if product.strips and strip is None:
        raise NoSuchProduct("This resident has nothing that such a card stands for.")
    authorities = (await rulebooks.in_force(session)).authorities
    known = await accounts.known_facts(session, vault, account_id)
    issuer = products.issuer_of(product, authorities, known.district_code or "", on)
    return Card(
        account_id=account_id,
        created_at=now,
        state_since=now,
        product=product.id,
        strip=strip,
        expires_on=products.last_day_of(product, issuer, on),
    )


async def _allowed(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    product: str,
    term: Term | None,
    now: datetime,
) -> Card:
    await lifecycle.check_holder(session, account_id)
    await _check_identity(session, vault, account_id)
    return await new_card(session, vault, account_id, product, term=term, now=now)


async def _place(
    session: AsyncSession,
    card: Card,
    terminal_id: UUID | None,
    pairing_id: UUID | None,
    *,
    actor: Actor,
    now: datetime,
) -> CardOrder:
    await _store(session, card)
    placed = CardOrder(
        card_id=card.id, terminal_id=terminal_id, pairing_id=pairing_id, ordered_at=now
    )
    try:
        async with session.begin_nested():
            session.add(placed)
    except IntegrityError as error:
        raise DeskBusy("Another card waits to be made at this desk. Make or cancel it.") from error
    where = {"product": card.product, "desk": str(terminal_id or "")}
    detail = {"account": str(card.account_id), **where}
    subject = audit.subject_of("card", card.id)
    audit.record(session, "card-ordered", subject, actor=actor, now=now, detail=detail)
    return placed


async def _store(session: AsyncSession, card: Card) -> None:
    if await lifecycle.coming_card(session, card.account_id, card.product) is not None:
        raise CardInHand(_ON_ITS_WAY)
    try:
        async with session.begin_nested():
            session.add(card)
    except IntegrityError as error:  # two desks at once: the database lets one through
        raise CardInHand(_ON_ITS_WAY) from error


async def _close_orders(
    session: AsyncSession, card: Card, state: OrderState, now: datetime
) -> None:
    query = select(CardOrder).where(
        CardOrder.card_id == card.id, CardOrder.state == OrderState.WAITING
    )
    for placed in await session.scalars(query.with_for_update()):
        placed.state, placed.closed_at = state, now


async def _check_maker(
    session: AsyncSession,
    terminal_id: UUID | None,
    pairing_id: UUID | None,
    product_id: str,
    now: datetime,
) -> None:
    if terminal_id is not None:
        await _check_desk(session, terminal_id, pairing_id, now)
    product = products.built_in().product(product_id, london_date(now))
    maker = Maker.BUREAU if terminal_id is None else Maker.DESK
    if product is None or maker not in product.made_by:
        raise NoSuchProduct("Such a card is not made there.")


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
