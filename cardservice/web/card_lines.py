"""A resident's cards and taps in the words of a page."""

from datetime import date, datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, lifecycle, products, taps, updates
from cardservice.models import COMING, LIVE, Card, CardState
from cardservice.products import KENT_CARD
from cardservice.taps import ShownTap
from cardservice.updates import Add, Block, Change, Remove, RollKeys, Unblock, Update
from cardservice.web.charge_lines import price_words
from cardservice.web.service_words import service_name
from cardservice.web.words import gettext as _
from entitlements import issuing
from identity.dates import london_date
from identity.models import Account, AccountState
from readers.contract.reasons import WORDS, Reason
from readers.contract.services import Service

STATE_WORDS: Final = {
    CardState.ORDERED: (_("Waiting to be made"), "blue"),
    CardState.PERSONALISED: (_("Made"), "blue"),
    CardState.DISPATCHED: (_("In the post"), "blue"),
    CardState.ACTIVE: (_("In use"), "green"),
    CardState.SUSPENDED: (_("Suspended"), "red"),
    CardState.LOST: (_("Reported lost"), "red"),
    CardState.STOLEN: (_("Reported stolen"), "red"),
    CardState.DAMAGED: (_("Reported damaged"), "red"),
    CardState.FAULTY: (_("Faulty"), "red"),
    CardState.EXPIRED: (_("Expired"), "grey"),
    CardState.RETURNED: (_("Handed in"), "yellow"),
    CardState.REPLACED: (_("Replaced"), "grey"),
    CardState.DESTROYED: (_("Destroyed"), "grey"),
}
"""State of a card -> what a page calls it, and the colour of its tag."""
NOT_MADE_WORDS: Final = (_("Not completed"), "grey")
"""What a page calls a card that was given up before it was written."""
STOPPED_WORDS: Final = (_("Stopped"), "red")
"""What a page calls a card in use whose holder is recorded as deceased."""


class CardLine(msgspec.Struct, frozen=True):
    """One card.

    Attributes:
        state: its value, for the page to offer what can follow.
        name: the state in words.
        colour: of the tag.
        since: when it came into the state.
        owed: what its next tap on a reader that is online does to it, in that order.
        is_to_gain: whether that is something for its holder, and not that it is stopped.
        is_stopped: whether readers refuse it although it is in use: its holder has died.
        product: what it is called.
        last_day: printed on it; None for one from before days were printed.
        blocks_another: whether it must be replaced, used or cancelled before another is ordered.
        holder_can: values of what its holder can say became of it.
        can_be_replaced: whether another can be asked for in its place.
        price: what that costs, in words; empty where it cannot be asked for.
    """

    id: UUID
    state: CardState
    name: str
    colour: str
    since: datetime
    owed: tuple[str, ...]
    is_to_gain: bool
    is_stopped: bool
    product: str
    last_day: date | None
    blocks_another: bool
    holder_can: frozenset[str]
    can_be_replaced: bool
    price: str


class TapLine(msgspec.Struct, frozen=True):
    """One tap: what a reader answered, and the same words the reader used."""

    at: datetime
    place: str
    service: str
    answer: str
    accepted: bool


class NumberLine(msgspec.Struct, frozen=True):
    """A resident's number with one service."""

    service: str
    number: str


async def cards_of(
    session: AsyncSession, account_id: UUID, *, now: datetime
) -> tuple[CardLine, ...]:
    """A resident's cards, newest first."""
    cards = await issuance.cards_of(session, account_id)
    holder = await session.scalar(select(Account.state).where(Account.id == account_id))
    state = holder or AccountState.CLOSED
    return tuple([await _card_line(session, card, state, now) for card in cards])


async def taps_of(
    session: AsyncSession, account_id: UUID, *, shows_place: bool = True
) -> tuple[TapLine, ...]:
    """A resident's latest taps, newest first; without the places for who is not to know them."""
    lines = [tap_line(tap) for tap in await taps.of_account(session, account_id)]
    if not shows_place:
        lines = [msgspec.structs.replace(line, place=_("Not shown")) for line in lines]
    return tuple(lines)


async def numbers_of(session: AsyncSession, account_id: UUID) -> tuple[NumberLine, ...]:
    """The numbers on a resident's card."""
    numbers = await issuing.numbers_of(session, account_id)
    return tuple(
        NumberLine(service_name(service), f"{number:014d}")
        for service, number in sorted(numbers.items())
    )


def tap_line(tap: ShownTap) -> TapLine:
    """One tap in words; a reason that this version does not know is shown as it is."""
    if tap.accepted:
        answer = _("Accepted")
    elif tap.reason in _REASONS:
        answer = WORDS[_REASONS[tap.reason]].title
    else:
        answer = tap.reason or _("Refused")
    if tap.unseen:
        answer = _("%(answer)s. The reader stopped before it showed this") % {"answer": answer}
    return TapLine(tap.at, tap.place, service_name(Service(tap.service)), answer, tap.accepted)


_REASONS: Final = {reason.value: reason for reason in Reason}


async def _card_line(
    session: AsyncSession, card: Card, holder: AccountState, now: datetime
) -> CardLine:
    stopped = lifecycle.is_stopped(card.state, holder)
    given_up = card.state is CardState.DESTROYED and card.written_at is None
    name, colour = NOT_MADE_WORDS if given_up else STATE_WORDS[card.state]
    if stopped:
        name, colour = STOPPED_WORDS
    waits = await updates.owed(session, card, now=now)
    return CardLine(
        id=card.id,
        state=card.state,
        name=name,
        colour=colour,
        since=card.state_since,
        owed=tuple(_owed_words(each) for each in waits),
        is_to_gain=bool(waits) and Block() not in waits,
        is_stopped=stopped,
        product=products.built_in().name_of(card.product),
        last_day=card.expires_on,
        blocks_another=card.product == KENT_CARD and card.state in LIVE | COMING,
        holder_can=lifecycle.holder_can(card.state),
        can_be_replaced=(card.state, CardState.REPLACED) in lifecycle.MOVES,
        price=price_of_another(card, london_date(now)),
    )


def price_of_another(card: Card, on: date) -> str:
    """What another card in the place of this one costs, in words; empty where there is none."""
    move = lifecycle.MOVES.get((card.state, CardState.REPLACED))
    told = card.sealed_crime_reference is not None
    return price_words(move.charge, has_crime_reference=told, on=on) if move else ""


def _owed_words(update: Update) -> str:
    match update:
        case Block():
            return _("Stop the card itself")
        case Unblock():
            return _("Let the card work again")
        case Add(service=service):
            return _("Add %(service)s") % {"service": service_name(service)}
        case Change(service=service):
            return _("Write %(service)s again") % {"service": service_name(service)}
        case Remove(service=service):
            return _("Remove %(service)s") % {"service": service_name(service)}
        case RollKeys():
            return _("Give it new keys")
        case never:
            assert_never(never)
