"""What the terminal's screen shows, and the words for what the reasons do not cover."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from readers.contract.products import Product, RemoteSettings
from readers.contract.reasons import WORDS, Reason, Words
from readers.contract.services import Service
from readers.contract.wire import Ended, Purpose, SessionResult, UpdateKind
from readers.terminal.decide import Accepted, Outcome, Refused, TryAgain


class Kind(StrEnum):
    """What colour, shape and sound go with the words."""

    WAITING = "waiting"
    READING = "reading"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    TRY_AGAIN = "try-again"
    HOLD_CARD = "hold-card"
    UPDATED = "updated"
    FAULT = "fault"


class ClockState(StrEnum):
    """Whether the terminal's clock can be right."""

    OK = "ok"
    UNSET = "unset"
    BEHIND = "behind"


class Display(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of the screen; also what ``GET /state`` answers.

    Attributes:
        reason: code of a :class:`Reason`, a :class:`SessionResult` or a fault; empty if none.
        at: when it came up, by the terminal's clock.
        taps: how many were ever decided here.
        uploaded: how many of them the server has confirmed.
        online: whether the server answered last time.
        bundle_at: when the bundle was made that cards are decided by; absent if there is none.
        pairs: whether a member of staff may pair this terminal with their browser.
        listed_at: when the list was made of the cards that are refused here; absent if there is
            none.
        list_is_old: whether that is longer ago than the service tolerates.
        doing: what is done to the card while it is held, in order.
    """

    state: Kind
    title: str
    advice: str = ""
    service: Service | None = None
    reason: str = ""
    at: datetime
    taps: int = 0
    uploaded: int = 0
    online: bool = False
    clock: ClockState = ClockState.OK
    bundle_at: datetime | None = None
    pairs: bool = False
    listed_at: datetime | None = None
    list_is_old: bool = False
    doing: list[UpdateKind] = []


class Picture(msgspec.Struct, frozen=True):
    """The part of a display that an event decides."""

    state: Kind
    words: Words
    reason: str = ""
    doing: tuple[UpdateKind, ...] = ()


_WELCOME: Final = {
    Service.IDENTITY: "Your card is accepted",
    Service.LIBRARY: "Your library card is accepted",
    Service.LEISURE: "Your leisure card is accepted",
    Service.TRAVEL: "Your travel concession is accepted",
}

_HELD_BADLY: Final = frozenset({Reason.CARD_REMOVED, Reason.CARD_MUTE, Reason.CHAIN_TOO_LONG})
"""Of the reasons to try again, those that trying again may cure."""

IDLE: Final[Mapping[Product, Words]] = {
    Product.VALIDATOR: Words("Tap your card", "Hold your Kent Card flat on the reader."),
    Product.LIBRARY_KIOSK: Words(
        "Tap your card", "Hold your Kent Card flat on the reader to use the library."
    ),
    Product.FRONT_DESK: Words(
        "Tap your card", "A member of staff will see your record when you do."
    ),
    Product.DESK_ENCODER: Words("Ready to make a card", "Lay the new card on the reader."),
}
"""What the screen of each product says while no card is there."""

READING: Final = Picture(Kind.READING, Words("Hold still", "We are reading your card."))
HOLD_MAKING: Final = Picture(
    Kind.HOLD_CARD, Words("Leave the card on the reader", "The card is being made.")
)
NO_READER: Final = Picture(
    Kind.FAULT,
    Words("No card reader", "Tell a member of staff: check that the reader is plugged in."),
    "reader-gone",
)
READER_HANGS: Final = Picture(
    Kind.FAULT,
    Words("This reader does not answer", "Tell a member of staff: unplug the reader, plug it in."),
    "reader-hangs",
)
OWN_FAULT: Final = Picture(
    Kind.FAULT, Words("Something went wrong here", "Tap your card again in a moment."), "fault"
)
INTERRUPTED: Final = Words("Your card was not updated", "Tap your card again.")
NOT_MADE: Final = Words("The card is not finished", "Lay the same card on the reader again.")
NO_CODE: Final = Picture(
    Kind.FAULT,
    Words("No code for now", "We cannot reach the server. Try again in a moment."),
    "no-pairing-code",
)
NO_SESSION: Final = Words("We cannot reach the server", "Try again in a moment.")

_UPDATING: Final = "We are bringing it up to date."
_HOLDING: Final = {
    UpdateKind.BLOCK: "We are stopping this card.",
    UpdateKind.UNBLOCK: "We are making it work again.",
}

_ENDED: Final = {
    SessionResult.DONE: Kind.UPDATED,
    SessionResult.NOTHING_OWED: Kind.UPDATED,
    SessionResult.NO_ORDER: Kind.REFUSED,
    SessionResult.UNKNOWN_CARD: Kind.REFUSED,
    SessionResult.CARD_FAILED: Kind.REFUSED,
    SessionResult.REFUSED: Kind.REFUSED,
    SessionResult.BROKEN_OFF: Kind.TRY_AGAIN,
    SessionResult.TIMED_OUT: Kind.TRY_AGAIN,
}


def of_outcome(outcome: Outcome, service: Service | None) -> Picture:
    """The picture for a tap that was read."""
    match outcome:
        case Accepted():
            title = _WELCOME[service] if service else _WELCOME[Service.IDENTITY]
            return Picture(Kind.ACCEPTED, Words(title, ""))
        case Refused(reason=reason):
            return Picture(Kind.REFUSED, WORDS[reason], reason)
        case TryAgain(reason=reason):
            return of_try_again(reason)


def of_try_again(reason: Reason) -> Picture:
    """The picture when nothing was decided: a card held badly, or a fault of this terminal."""
    kind = Kind.TRY_AGAIN if reason in _HELD_BADLY else Kind.FAULT
    return Picture(kind, WORDS[reason], reason)


def of_hold(outcome: Accepted | Refused, doing: Sequence[str] = ()) -> Picture:
    """The picture while the card of a decided tap is updated; a yes stays a yes.

    Args:
        outcome: what was decided.
        doing: what the server says it does; kinds that this program does not know are left out.
    """
    yes = "Yes. " if isinstance(outcome, Accepted) else ""
    known = tuple(kind for kind in UpdateKind if kind.value in doing)
    advice = next((_HOLDING[kind] for kind in known if kind in _HOLDING), _UPDATING)
    return Picture(Kind.HOLD_CARD, Words(f"{yes}Hold your card here", advice), doing=known)


def of_ended(ended: Ended) -> Picture:
    """The picture for a card session the server ended, in the server's words."""
    kind = _ENDED[ended.result] if ended.usable else Kind.REFUSED
    return Picture(kind, Words(ended.title, ended.advice), ended.result)


def of_broken(reason: Reason, purpose: Purpose) -> Picture:
    """The picture for a card session that card or reader broke off; it can be run again."""
    if reason not in _HELD_BADLY:
        return of_try_again(reason)
    words = NOT_MADE if purpose is Purpose.PERSONALISE else INTERRUPTED
    return Picture(Kind.TRY_AGAIN, words, reason)


def of_idle(
    problem: TryAgain | None, product: Product, said: RemoteSettings | None = None
) -> Picture:
    """The picture while no card is there: in the product's words, or in those the server set."""
    if problem is not None:
        return of_try_again(problem.reason)
    if said is not None and said.title:
        return Picture(Kind.WAITING, Words(said.title, said.advice))
    return Picture(Kind.WAITING, IDLE[product])


def of_pairing(code: str) -> Picture:
    """The picture with the code that pairs this terminal with a browser."""
    words = Words(code, "Type this code in the staff console within two minutes.")
    return Picture(Kind.WAITING, words, "pairing-code")


def clock_state(problem: Reason | None) -> ClockState:
    """How a clock's problem is told in a word."""
    match problem:
        case Reason.CLOCK_UNSET:
            return ClockState.UNSET
        case Reason.CLOCK_BEHIND:
            return ClockState.BEHIND
        case _:
            return ClockState.OK
