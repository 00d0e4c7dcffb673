"""A partner's events in order, page by page, for whoever would rather ask than be called.

Events get their positions here, after they were committed and one reader at a time, without gaps.
A number given when an event is written would let a slow transaction put one behind what a reader
has read already, and it would be missed for ever.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.event_models import PartnerEvent, PartnerFeed
from entitlements.partner_models import CredentialKind

MOST: Final = 500
USUAL: Final = 100


class Page(msgspec.Struct, frozen=True):
    """Some events.

    Attributes:
        events: in order.
        after: where the next page begins.
        more: whether there are more already.
    """

    events: Sequence[PartnerEvent]
    after: int
    more: bool


class TooOld(msgspec.Struct, frozen=True):
    """Events that were to come next are not kept any more: the reader has missed some.

    `oldest`: from where on everything is there.
    """

    oldest: int


class NotYet(msgspec.Struct, frozen=True):
    """No page has ever ended there."""


async def read(
    session: AsyncSession,
    organisation_id: UUID,
    kind: CredentialKind,
    after: int | None,
    *,
    most: int = USUAL,
) -> Page | TooOld | NotYet:
    """The events after a position.

    Args:
        session: the transaction; it gives positions, so it is committed.
        organisation_id: whose events.
        kind: about residents, or about the cards of the sandbox.
        after: where the page before ended; None: from the oldest that is kept.
        most: how many at most.
    """
    feed = await _with_positions(session, organisation_id, kind)
    if after is not None and after > feed.last_position:
        return NotYet()
    mine = select(PartnerEvent).where(
        PartnerEvent.organisation_id == organisation_id,
        PartnerEvent.kind == kind,
        PartnerEvent.position > (after or 0),
    )
    in_order = mine.order_by(PartnerEvent.position).limit(most + 1)
    found = (await session.scalars(in_order, execution_options={"populate_existing": True})).all()
    first = found[0].position if found and found[0].position else feed.last_position + 1
    if after is not None and first != after + 1:
        return TooOld(first - 1)
    page = found[:most]
    last = page[-1].position if page and page[-1].position else first - 1
    return Page(page, last, more=len(found) > most)


async def _with_positions(
    session: AsyncSession, organisation_id: UUID, kind: CredentialKind
) -> PartnerFeed:
    """Give everything committed so far its position, in the order in which it was written."""
    feed = await _locked(session, organisation_id, kind)
    waiting = (
        select(PartnerEvent.serial)
        .where(
            PartnerEvent.organisation_id == organisation_id,
            PartnerEvent.kind == kind,
            PartnerEvent.position.is_(None),
        )
        .order_by(PartnerEvent.serial)
    )
    serials = (await session.scalars(waiting)).all()
    first = feed.last_position + 1
    if serials:
        numbered = [
            {"serial": serial, "position": position}
            for position, serial in enumerate(serials, first)
        ]
        await session.execute(update(PartnerEvent), numbered)
        feed.last_position += len(serials)
        await session.flush()
    return feed


async def _locked(
    session: AsyncSession, organisation_id: UUID, kind: CredentialKind
) -> PartnerFeed:
    query = select(PartnerFeed).where(
        PartnerFeed.organisation_id == organisation_id, PartnerFeed.kind == kind
    )
    query = query.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(query)
    if found is not None:
        return found
    try:
        async with session.begin_nested():
            session.add(PartnerFeed(organisation_id=organisation_id, kind=kind))
    except IntegrityError:  # another request made it meanwhile
        pass
    return (await session.scalars(query)).one()
