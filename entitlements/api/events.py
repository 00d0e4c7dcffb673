"""The feed of events as a partner reads it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, assert_never
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import event_feed
from entitlements.api.bodies import number
from entitlements.callers import Caller
from entitlements.event_data import KEPT_DAYS, EventData, happening
from entitlements.event_feed import MOST, USUAL, NotYet, Page, TooOld
from entitlements.event_models import EventType, PartnerEvent
from entitlements.partner_errors import EventsGone, NoSuchPlace

PLACE: Final = r"^[0-9]{1,9}$"
"""How a place in the feed is written; no feed is ever longer."""
Place = Annotated[str, Meta(pattern=PLACE)]
_LAST: Final = 999_999_999


class EventAnswer(msgspec.Struct, frozen=True):
    """An event: the same as in a webhook, whose `webhook-id` is its id."""

    id: UUID
    type: EventType
    timestamp: datetime
    data: EventData


class EventsAnswer(msgspec.Struct, frozen=True):
    """A page of the feed.

    Attributes:
        events: in order.
        next: what to send as `after` for the page that follows.
        more: whether there is more already.
    """

    events: Sequence[EventAnswer]
    next: Place
    more: bool


async def page(session: AsyncSession, caller: Caller, asked: Mapping[str, str]) -> EventsAnswer:
    """The events that follow `after` in the query, `size` of them at most.

    Raises:
        BodyFaulty: either is not as documented.
        NoSuchPlace: no page has ended there.
        EventsGone: some that come next are not kept any more.
    """
    after = number("after", asked["after"], least=0, most=_LAST) if "after" in asked else None
    size = number("size", asked["size"], most=MOST) if "size" in asked else USUAL
    mine = caller.organisation_id
    found = await event_feed.read(session, mine, caller.kind, after, most=size)
    match found:
        case Page():
            told = tuple(_told(event) for event in found.events)
            return EventsAnswer(told, str(found.after), found.more)
        case TooOld():
            raise EventsGone(
                f"Events are kept for {KEPT_DAYS} days, and some after {after} are gone. Check "
                f"what you know anew, and go on with after={found.oldest}."
            )
        case NotYet():
            raise NoSuchPlace("after is what the page before gave as next; none gave this.")
        case never:
            assert_never(never)


def _told(event: PartnerEvent) -> EventAnswer:
    what = happening(event)
    return EventAnswer(event.id, what.type, what.timestamp, what.data)
