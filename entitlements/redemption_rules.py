"""When an offer may be used, and on what terms: pure, and all a partner sends and is told."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from entitlements.partner_answers import Subject
from entitlements.partner_checks import SchemeId
from entitlements.partner_errors import Fault
from entitlements.schemes.rule import Offer

MOST_ITEMS: Final = 50
MOST_COMPANIONS: Final = 20
FREE: Final = 100


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One use that a partner asks for."""

    offer: SchemeId
    subject: Subject
    companions: Annotated[
        int, Meta(ge=0, le=MOST_COMPANIONS, description="How many come with the holder.")
    ] = 0


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Uses that are all held, or none."""

    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=MOST_ITEMS)]


class Stands(StrEnum):
    """How a redemption stands."""

    HELD = "held"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RedemptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One use of an offer, as its partner sees it.

    Attributes:
        first_free: it is the first time, which costs nothing.
        percent_off: what the holder does not pay.
        expires_at: when it ends unless it is confirmed before.
    """

    id: UUID
    offer: SchemeId
    subject: Subject
    state: Stands
    first_free: bool
    percent_off: Annotated[int, Meta(ge=0, le=FREE)]
    companions: Annotated[int, Meta(ge=0, le=MOST_COMPANIONS)]
    held_at: datetime
    expires_at: datetime


class BatchAnswer(msgspec.Struct, frozen=True):
    """The uses that are held now, in the order in which they were asked for."""

    redemptions: tuple[RedemptionAnswer, ...]


class Ledger(msgspec.Struct, frozen=True):
    """One holder and one offer, before a use.

    Attributes:
        entitled: whether they hold the offer now.
        this_year: uses that count towards this year's number.
        ever: uses of any year.
    """

    entitled: bool
    this_year: int
    ever: int

    def with_one_more(self) -> "Ledger":
        """After a use that was allowed."""
        return Ledger(self.entitled, self.this_year + 1, self.ever + 1)


class Allowed(msgspec.Struct, frozen=True):
    """The use may be held.

    Attributes:
        first: it is the first time, which the offer gives free.
        percent_off: what the holder does not pay.
    """

    first: bool
    percent_off: int


def judge(offer: Offer | None, ledger: Ledger | None, item: Item) -> Allowed | Fault:
    """Whether one more use may be held.

    Args:
        offer: of the rule in force; None where nothing can be redeemed.
        ledger: of the holder; None for a name the organisation was never told.
        item: what is asked for.
    """
    if offer is None:
        return Fault("/offer", "not-an-offer", "There is nothing to redeem in this scheme now.")
    if ledger is None:
        return Fault("/subject", "subject-unknown", "Your organisation was told no such subject.")
    if not ledger.entitled:
        return Fault("/subject", "not-entitled", "The holder does not have this offer now.")
    if item.companions > offer.companions:
        words = f"At most {offer.companions} may come with the holder."
        return Fault("/companions", "too-many-companions", words)
    if offer.times_a_year and ledger.this_year >= offer.times_a_year:
        return Fault("/subject", "none-left", "This offer was used as often as it can be.")
    first = offer.first_free and ledger.ever == 0
    return Allowed(first, FREE if first else offer.percent_off)
