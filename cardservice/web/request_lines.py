"""Everything a resident asked for, and how far each is, in the words of a page."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance
from cardservice.models import Card, CardOrder, CardState, OrderState, Terminal
from cardservice.web.application_lines import ApplicationLine, application_line
from cardservice.web.charge_lines import ChargeLine, charges_of
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import grants, rulebooks
from entitlements.grant_states import GrantState

_ORDER_WORDS: Final = {
    OrderState.WAITING: (_("Being made"), "turquoise", _("It is being made at %(place)s.")),
    OrderState.DONE: (_("Made"), "green", _("There is nothing you need to do.")),
    OrderState.CANCELLED: (_("Cancelled"), "grey", _("Ask at a desk if you still want it.")),
}
"""State of an order -> what a page calls it, the colour of its tag, and what happens next."""

_POSTED: Final = _("It will be made and posted to you. When it has come, tell us, and it works.")
_ARRIVES: Final = _(
    "It is in the post. When it has come, tell us with the code on it, and it works."
)


class Step(msgspec.Struct, frozen=True):
    """How far something is: one step that was taken."""

    what: str
    at: datetime


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a card, or a card reported lost.

    Attributes:
        steps: what was reported, asked for and done, in order of time.
    """

    title: str
    tag: str
    colour: str
    next: str
    steps: tuple[Step, ...]


class OfferLine(msgspec.Struct, frozen=True):
    """Something that was offered and waits for an answer."""

    scheme: str
    title: str


class Requests(msgspec.Struct, frozen=True):
    """What a resident asked for or was offered."""

    offers: tuple[OfferLine, ...]
    applications: tuple[ApplicationLine, ...]
    orders: tuple[OrderLine, ...]
    charges: tuple[ChargeLine, ...]


async def requests_of(session: AsyncSession, account_id: UUID) -> Requests:
    """Everything, the newest first."""
    schemes = (await rulebooks.in_force(session)).schemes
    titles = {name: scheme.title for name, scheme in schemes.items()}
    opened = (await grants.open_by_scheme(session, account_id)).values()
    return Requests(
        tuple(
            OfferLine(each.scheme, titles.get(each.scheme, each.scheme))
            for each in opened
            if each.state is GrantState.OFFERED
        ),
        tuple(
            application_line(row, titles.get(row.scheme, row.scheme))
            for row in await records.of_account(session, account_id)
        ),
        await _orders(session, account_id),
        await charges_of(session, account_id),
    )


async def _orders(session: AsyncSession, account_id: UUID) -> tuple[OrderLine, ...]:
    """Cards that were reported lost and not replaced, and every order of a card."""
    cards = await issuance.cards_of(session, account_id)
    query = (
        select(CardOrder, Card.state, Terminal.place)
        .join(Card, Card.id == CardOrder.card_id)
        .outerjoin(Terminal, Terminal.id == CardOrder.terminal_id)
        .where(Card.account_id == account_id)
        .order_by(CardOrder.ordered_at.desc())
    )
    ordered = (await session.execute(query)).all()
    return (
        *(_lost(card) for card in cards if card.state is CardState.LOST),
        *(_order(order, state, place) for order, state, place in ordered),
    )


def _lost(card: Card) -> OrderLine:
    return OrderLine(
        title=_("Your lost card"),
        tag=_("Reported lost"),
        colour="red",
        next=_("Readers refuse it. Ask at a desk for another, or say that you found it."),
        steps=(Step(_("Reported lost"), card.state_since),),
    )


def _order(order: CardOrder, state: CardState, place: str | None) -> OrderLine:
    tag, colour, follows = _ORDER_WORDS[order.state]
    steps = [Step(_("Asked for"), order.ordered_at)]
    if order.closed_at is not None:
        steps.append(Step(tag, order.closed_at))
    if order.state is OrderState.WAITING:
        follows = follows % {"place": place} if place else _POSTED
    elif state is CardState.DISPATCHED:
        follows = _ARRIVES
    return OrderLine(
        title=_("A Kent Card"), tag=tag, colour=colour, next=follows, steps=tuple(steps)
    )
