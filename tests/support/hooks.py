"""Partners with addresses for their events, and what waits for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import organisations, webhook_endpoints
from entitlements.event_models import (
    EventType,
    PartnerEvent,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookTry,
)
from entitlements.organisations import Agreed
from entitlements.webhook_endpoints import Made
from identity.actors import SYSTEM
from identity.personal import Vault
from tests.support.people import NOW


async def organisation(
    session: AsyncSession, name: str = "Example Theatre", scheme: str = "library"
) -> UUID:
    """A partner that may ask about one scheme."""
    made = await organisations.add(session, name, [Agreed(scheme)], actor=SYSTEM, now=NOW)
    return made.id


async def endpoint(
    session: AsyncSession, vault: Vault, organisation_id: UUID, url: str, *, now: datetime = NOW
) -> Made:
    """An address of theirs on this machine."""
    made = await webhook_endpoints.add(
        session, vault, organisation_id, url, loopback=True, actor=SYSTEM, now=now
    )
    assert isinstance(made, Made), made
    return made


async def happened(
    session: AsyncSession,
    organisation_id: UUID,
    subject: str = "the-subject",
    *,
    at: datetime = NOW,
) -> PartnerEvent:
    """An event as `events` writes it, and its deliveries."""
    event = PartnerEvent(
        organisation_id=organisation_id, type=EventType.CARD_STOPPED, at=at, subject=subject
    )
    session.add(event)
    await session.flush()
    mine = select(WebhookEndpoint.id).where(
        WebhookEndpoint.organisation_id == organisation_id, WebhookEndpoint.disabled_at.is_(None)
    )
    for one in (await session.scalars(mine)).all():
        session.add(WebhookDelivery(endpoint_id=one, event_id=event.id, due_at=at))
    await session.flush()
    return event


async def tries(session: AsyncSession) -> list[WebhookTry]:
    """Every try that was written down, in order."""
    return list(await session.scalars(select(WebhookTry).order_by(WebhookTry.at)))


async def deliveries(session: AsyncSession) -> list[WebhookDelivery]:
    """Every delivery, in the order of their events."""
    in_order = (
        select(WebhookDelivery)
        .join(PartnerEvent, PartnerEvent.id == WebhookDelivery.event_id)
        .order_by(PartnerEvent.serial)
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(in_order))
