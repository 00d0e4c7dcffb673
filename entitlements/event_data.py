"""What a partner reads of an event: for each type the little that it may know."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from entitlements.event_models import EventType, PartnerEvent
from entitlements.partner_answers import Subject

KEPT_DAYS: Final = 30
"""How long an event can be read and sent again."""


SchemeName = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


class EventData(msgspec.Struct, frozen=True):
    """About whom and what an event is, and no more; what does not belong to its type is left out.

    Attributes:
        subject: your name for the holder.
        scheme: the offer or scheme.
        redemption: its id.
    """

    subject: Subject | UnsetType = UNSET
    scheme: SchemeName | UnsetType = UNSET
    redemption: UUID | UnsetType = UNSET


class Happening(msgspec.Struct, frozen=True):
    """An event as partners read it, in the feed and in a message.

    Attributes:
        type: what happened.
        timestamp: when.
        data: about whom and what, and no more.
    """

    type: EventType
    timestamp: datetime
    data: EventData


def happening(event: PartnerEvent) -> Happening:
    """What partners read of an event."""
    return Happening(event.type, event.at, _data(event))


def _data(event: PartnerEvent) -> EventData:
    """The columns that the database lets an event of this type have."""
    return EventData(
        subject=UNSET if event.subject is None else event.subject,
        scheme=UNSET if event.scheme is None else event.scheme,
        redemption=UNSET if event.redemption_id is None else event.redemption_id,
    )
