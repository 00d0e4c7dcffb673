"""What was sent to a partner's address and what came of it, and sending it again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import webhook_endpoints
from entitlements.event_models import (
    EventType,
    PartnerEvent,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookTry,
)
from entitlements.partner_errors import NoSuchDelivery, WebhookDisabled
from identity import audit
from identity.actors import Actor

MOST: Final = 50
"""Lines of the log on one page."""


class Line(msgspec.Struct, frozen=True):
    """A delivery and its tries, newest first."""

    delivery: WebhookDelivery
    event: PartnerEvent
    tries: Sequence[WebhookTry]


async def newest(
    session: AsyncSession, organisation_id: UUID, endpoint_id: UUID, *, most: int = MOST
) -> Sequence[Line]:
    """The newest deliveries to an address.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    await webhook_endpoints.find(session, organisation_id, endpoint_id)
    rows = (
        select(WebhookDelivery, PartnerEvent)
        .join(PartnerEvent, PartnerEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.endpoint_id == endpoint_id)
        .order_by(PartnerEvent.serial.desc())
        .limit(most)
    )
    found = (await session.execute(rows)).all()
    tries = await _tries(session, [row.id for row, _ in found])
    return [
        Line(row, event, [each for each in tries if each.delivery_id == row.id])
        for row, event in found
    ]


async def send_test(
    session: AsyncSession,
    organisation_id: UUID,
    endpoint_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Queue a message about nothing.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
        WebhookDisabled: nothing is sent there.
    """
    endpoint = await _open(session, organisation_id, endpoint_id)
    event = PartnerEvent(organisation_id=organisation_id, type=EventType.TEST, at=now)
    session.add(event)
    await session.flush()
    session.add(WebhookDelivery(endpoint_id=endpoint.id, event_id=event.id, due_at=now))
    await session.flush()
    _audit(session, "webhook-tested", endpoint, 1, actor=actor, now=now)


async def send_again(
    session: AsyncSession,
    organisation_id: UUID,
    delivery_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> WebhookEndpoint:
    """Send one message again, under the same id and with a schedule of its own.

    Raises:
        NoSuchDelivery: the organisation has none with that id.
        WebhookDisabled: nothing is sent to its address.
    """
    delivery = await session.get(WebhookDelivery, delivery_id)
    endpoint = await session.get(WebhookEndpoint, delivery.endpoint_id) if delivery else None
    if delivery is None or endpoint is None or endpoint.organisation_id != organisation_id:
        raise NoSuchDelivery("There is no such delivery.")
    await _open(session, organisation_id, endpoint.id)
    await _renew(session, WebhookDelivery.id == delivery_id, now=now)
    _audit(session, "webhook-replayed", endpoint, 1, actor=actor, now=now)
    return endpoint


async def send_span(
    session: AsyncSession,
    organisation_id: UUID,
    endpoint_id: UUID,
    since: datetime,
    until: datetime,
    *,
    actor: Actor,
    now: datetime,
) -> int:
    """Send an address again whatever happened in a time, also what it was never sent.

    Tests are left out. Returns how many messages.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
        WebhookDisabled: nothing is sent there.
    """
    endpoint = await _open(session, organisation_id, endpoint_id)
    wanted = select(PartnerEvent.id).where(
        PartnerEvent.organisation_id == organisation_id,
        PartnerEvent.type != EventType.TEST,
        PartnerEvent.at >= since,
        PartnerEvent.at < until,
    )
    mine = WebhookDelivery.endpoint_id == endpoint_id
    renewed = await _renew(session, mine & WebhookDelivery.event_id.in_(wanted), now=now)
    missing = _without_delivery(wanted, endpoint_id)
    added = [
        WebhookDelivery(endpoint_id=endpoint_id, event_id=event_id, due_at=now)
        for event_id in (await session.scalars(missing)).all()
    ]
    session.add_all(added)
    await session.flush()
    total = renewed + len(added)
    _audit(session, "webhook-replayed", endpoint, total, actor=actor, now=now)
    return total


def _without_delivery(wanted: Select[Any], endpoint_id: UUID) -> Select[Any]:
    there = exists().where(
        WebhookDelivery.event_id == PartnerEvent.id, WebhookDelivery.endpoint_id == endpoint_id
    )
    return wanted.where(~there)


async def _open(session: AsyncSession, organisation_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = await webhook_endpoints.locked(session, organisation_id, endpoint_id)
    if endpoint.disabled_at is not None:
        raise WebhookDisabled("Nothing is sent to this address. Enable it first.")
    return endpoint


async def _renew(session: AsyncSession, which: ColumnElement[bool], *, now: datetime) -> int:
    renewing = update(WebhookDelivery).where(which).returning(WebhookDelivery.id)
    done = await session.execute(
        renewing.values(due_at=now, tries=0, taken_at=None, given_up_at=None),
        execution_options={"synchronize_session": False},
    )
    return len(done.all())


async def _tries(session: AsyncSession, deliveries: Sequence[UUID]) -> Sequence[WebhookTry]:
    of_them = select(WebhookTry).where(WebhookTry.delivery_id.in_(deliveries))
    return (await session.scalars(of_them.order_by(WebhookTry.at.desc(), WebhookTry.id))).all()


def _audit(
    session: AsyncSession,
    action: str,
    endpoint: WebhookEndpoint,
    messages: int,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    subject = audit.subject_of("partner", endpoint.organisation_id)
    detail: Mapping[str, str | int] = {"webhook": str(endpoint.id), "messages": messages}
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
