"""What a partner reads of an event: for each type the little that it may know."""

from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec

from entitlements.event_models import EventType, PartnerEvent

KEPT_DAYS: Final = 30
"""How long an event can be read and sent again."""


class AboutEntitlement(msgspec.Struct, frozen=True):
    """What is said of an entitlement."""

    subject: str
    scheme: str


class AboutCard(msgspec.Struct, frozen=True):
    """What is said of a card."""

    subject: str


class AboutRedemption(msgspec.Struct, frozen=True):
    """What is said of a redemption, to the organisation whose it is."""

    subject: str
    scheme: str
    redemption: UUID


class AboutNothing(msgspec.Struct, frozen=True):
    """What is said in a test."""


Data = AboutEntitlement | AboutCard | AboutRedemption | AboutNothing


class Happening(msgspec.Struct, frozen=True):
    """An event as partners read it, in the feed and in a message.

    Attributes:
        type: what happened.
        timestamp: when.
        data: about whom and what, and no more.
    """

    type: EventType
    timestamp: datetime
    data: Data


def happening(event: PartnerEvent) -> Happening:
    """What partners read of an event."""
    return Happening(event.type, event.at, _data(event))


def _data(event: PartnerEvent) -> Data:
    subject, scheme = event.subject or "", event.scheme or ""
    match event.type:
        case (
            EventType.ENTITLEMENT_ENDED
            | EventType.ENTITLEMENT_SUSPENDED
            | EventType.ENTITLEMENT_RESUMED
            | EventType.ENTITLEMENT_CHANGED
        ):
            return AboutEntitlement(subject, scheme)
        case EventType.CARD_STOPPED | EventType.CARD_RESUMED | EventType.CARD_ENDED:
            return AboutCard(subject)
        case EventType.REDEMPTION_CONFIRMED | EventType.REDEMPTION_CANCELLED:
            if event.redemption_id is None:
                raise AssertionError("The database lets no such event be without its redemption.")
            return AboutRedemption(subject, scheme, event.redemption_id)
        case EventType.TEST:
            return AboutNothing()
        case never:
            assert_never(never)
