"""The feed of events as a partner reads it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import event_feed
from entitlements.callers import Caller
from entitlements.event_data import KEPT_DAYS, Data, happening
from entitlements.event_feed import MOST, USUAL, NotYet, Page, TooOld
from entitlements.event_models import EventType, PartnerEvent
from entitlements.partner_errors import BodyFaulty, EventsGone, Fault

_LONGEST_NUMBER: Final = 18


class EventAnswer(msgspec.Struct, frozen=True):
    """An event: the same `type`, `timestamp` and `data` as in a webhook, whose id it has."""

    id: UUID
    type: EventType
    timestamp: datetime
    data: Data


class EventsAnswer(msgspec.Struct, frozen=True):
    """A page of the feed.

    Attributes:
        events: in order.
        next: what to send as `after` for the page that follows.
        more: whether there is more already.
    """

    events: Sequence[EventAnswer]
    next: str
    more: bool


async def page(session: AsyncSession, caller: Caller, asked: Mapping[str, str]) -> EventsAnswer:
    """The events that follow `after` in the query, `size` of them at most.

    Raises:
        BodyFaulty: either is not as documented.
        EventsGone: some that come next are not kept any more.
    """
    after = _number(asked, "after", 0, 10**_LONGEST_NUMBER) if "after" in asked else None
    size = _number(asked, "size", 1, MOST) if "size" in asked else USUAL
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
            raise _faulty("after", "after is what the page before gave as next.")
        case never:
            assert_never(never)


def _told(event: PartnerEvent) -> EventAnswer:
    what = happening(event)
    return EventAnswer(event.id, what.type, what.timestamp, what.data)


def _number(asked: Mapping[str, str], name: str, least: int, most: int) -> int:
    text = asked[name]
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
        number = int(text)
        if least <= number <= most:
            return number
    raise _faulty(name, f"{name} is a whole number from {least} to {most}.")


def _faulty(name: str, words: str) -> BodyFaulty:
    return BodyFaulty(f"{name} is not as documented.", faults=(Fault("", f"bad-{name}", words),))
