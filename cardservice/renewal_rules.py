"""Who has their card renewed, who is asked first, and who has not: decided from what is known.

Nothing is concluded from what is not known. A card of which no use is recorded may be used every
day at readers whose taps we no longer keep: its holder is asked, and never taken for somebody who
does not need it.

Source: Kent County Council renews passes that were used in the last 12 months two weeks before they
end; Local Government and Social Care Ombudsman 22 001 983 (renewals posted to an old address).
"""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Final, assert_never

import msgspec

from entitlements.schemes.dates import add_months, birthday


class Asking(StrEnum):
    """Why a holder is asked before a new card is made."""

    CARD_REPORTED = "card-reported"
    USE_NOT_KNOWN = "use-not-known"
    USED_LONG_AGO = "used-long-ago"
    ADDRESS_NOT_SHOWN = "address-not-shown"
    MAIL_CAME_BACK = "mail-came-back"
    PHOTO_MISSING = "photo-missing"
    PHOTO_TOO_OLD = "photo-too-old"
    ENTITLEMENT_NOT_KNOWN = "entitlement-not-known"
    NOT_ORDERED = "not-ordered"


class Leaving(StrEnum):
    """Why no new card is made, and nobody is asked."""

    DECEASED = "deceased"
    ERASED = "erased"
    NOT_ENTITLED = "not-entitled"
    NOT_ISSUED = "not-issued"
    ON_ITS_WAY = "on-its-way"


SETTLED_BY_ANSWER: Final = frozenset(
    {Asking.USE_NOT_KNOWN, Asking.USED_LONG_AGO, Asking.ADDRESS_NOT_SHOWN}
)
"""Theirs to say: when a holder says that they want the card, and where they live, it is made. For
everything else something must be done first."""


class Renews(msgspec.Struct, frozen=True):
    """A new card is made without asking anybody."""


class Asks(msgspec.Struct, frozen=True):
    """The holder is asked, and told every reason at once."""

    why: tuple[Asking, ...]


class Leaves(msgspec.Struct, frozen=True):
    """No new card is made."""

    why: Leaving


Verdict = Renews | Asks | Leaves


class Entitled(StrEnum):
    """Whether the holder may have what the product stands for once their card has ended."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not-known"


class Terms(msgspec.Struct, frozen=True):
    """What a product asks for.

    Attributes:
        used_within_months: a card last used longer ago is asked about.
        photo_years: how old the photograph may be; None for a product without one.
    """

    used_within_months: int
    photo_years: int | None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a card and its holder on the day of the run.

    Attributes:
        deceased, erased: of the holder.
        in_hand: whether the card is in use, and not reported lost, stolen or damaged.
        issued: whether the product is still issued on the day after.
        coming: whether another card of the product is on its way.
        used_on: day of the last use that is recorded; None where none is.
        address_shown: whether a document has shown that they live where a card would be posted.
        came_back: whether a card that was posted there came back.
        photo_on: day on which their photograph was taken; None without one.
        entitled: on the day after the card ends.
        said: the holder has said that they want the card, and where they live.
    """

    deceased: bool
    erased: bool
    in_hand: bool
    issued: bool
    coming: bool
    used_on: date | None
    address_shown: bool
    came_back: bool
    photo_on: date | None
    entitled: Entitled
    said: bool = False


def decide(known: Known, terms: Terms, on: date) -> Verdict:
    """Who renews, on a day."""
    if (why := _leaves(known)) is not None:
        return Leaves(why)
    asked = tuple(each for each in _asks(known, terms, on) if not _is_settled(each, known))
    return Asks(asked) if asked else Renews()


def _leaves(known: Known) -> Leaving | None:
    reasons: Mapping[Leaving, bool] = {
        Leaving.ERASED: known.erased,
        Leaving.DECEASED: known.deceased,
        Leaving.ON_ITS_WAY: known.coming,
        Leaving.NOT_ISSUED: not known.issued,
        Leaving.NOT_ENTITLED: known.entitled is Entitled.NO,
    }
    return next((why for why, holds in reasons.items() if holds), None)


def _asks(known: Known, terms: Terms, on: date) -> Iterator[Asking]:
    if not known.in_hand:
        yield Asking.CARD_REPORTED
    if known.used_on is None:
        yield Asking.USE_NOT_KNOWN
    elif add_months(known.used_on, terms.used_within_months) < on:
        yield Asking.USED_LONG_AGO
    if known.came_back:
        yield Asking.MAIL_CAME_BACK
    elif not known.address_shown:
        yield Asking.ADDRESS_NOT_SHOWN
    if terms.photo_years is not None:
        yield from _asks_for_photo(known.photo_on, terms.photo_years, on)
    if known.entitled is Entitled.NOT_KNOWN:
        yield Asking.ENTITLEMENT_NOT_KNOWN


def _asks_for_photo(taken: date | None, years: int, on: date) -> Iterator[Asking]:
    if taken is None:
        yield Asking.PHOTO_MISSING
    elif birthday(taken, years) < on:
        yield Asking.PHOTO_TOO_OLD


def _is_settled(why: Asking, known: Known) -> bool:
    return known.said and why in SETTLED_BY_ANSWER


def name_of(verdict: Verdict) -> str:
    """`renews`, `asks`, `leaves`: a permanent word, stored and counted."""
    match verdict:
        case Renews():
            return "renews"
        case Asks():
            return "asks"
        case Leaves():
            return "leaves"
        case never:
            assert_never(never)


WORDS: Final[Mapping[Asking | Leaving, str]] = {
    Asking.CARD_REPORTED: "the card is not in use: it is reported, was stopped, or came back",
    Asking.USE_NOT_KNOWN: "no use of the card is recorded, which does not mean it is not used",
    Asking.USED_LONG_AGO: "the last use that is recorded is long ago",
    Asking.ADDRESS_NOT_SHOWN: "nobody has seen proof of the address it would be posted to",
    Asking.MAIL_CAME_BACK: "a card that was posted to this address came back",
    Asking.PHOTO_MISSING: "there is no photograph",
    Asking.PHOTO_TOO_OLD: "the photograph is too old",
    Asking.ENTITLEMENT_NOT_KNOWN: "it is not known whether they may have it after that day",
    Asking.NOT_ORDERED: "the order was refused: somebody has to look at it",
    Leaving.DECEASED: "the holder is recorded as deceased",
    Leaving.ERASED: "the holder’s record was erased",
    Leaving.NOT_ENTITLED: "the holder may not have it after that day",
    Leaving.NOT_ISSUED: "this card is not issued any more",
    Leaving.ON_ITS_WAY: "a new card is on its way already",
}
"""Each reason as staff read it, after a count."""
