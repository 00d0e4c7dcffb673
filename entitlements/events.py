"""Telling partners: a row in the transaction in which something happens, and what it may say.

Only an organisation that was ever given a name for the resident is told, and of an entitlement only
one that may ask about its scheme. It is told that something changed, never why: whoever needs to
know more asks again.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.event_models import EventType, PartnerEvent, WebhookDelivery, WebhookEndpoint
from entitlements.partner_models import CredentialKind, Organisation, OrganisationScheme
from entitlements.redemption_models import PartnerSubject, Redemption


async def entitlement(
    session: AsyncSession, account_id: UUID, scheme: str, kind: EventType, *, now: datetime
) -> None:
    """Tell who knows the resident and may ask about the scheme."""
    may_ask = exists().where(
        OrganisationScheme.organisation_id == PartnerSubject.organisation_id,
        OrganisationScheme.scheme == scheme,
    )
    known = _knowing(account_id).where(may_ask)
    found = (await session.execute(known)).all()
    await _tell(
        session,
        [
            PartnerEvent(organisation_id=one, type=kind, at=now, subject=subject, scheme=scheme)
            for one, subject in found
        ],
        now=now,
    )


async def card(session: AsyncSession, account_id: UUID, kind: EventType, *, now: datetime) -> None:
    """Tell who knows the resident that their card is refused, works again, or is another now."""
    may_ask = exists().where(OrganisationScheme.organisation_id == PartnerSubject.organisation_id)
    found = (await session.execute(_knowing(account_id).where(may_ask))).all()
    events = [
        PartnerEvent(organisation_id=one, type=kind, at=now, subject=subject)
        for one, subject in found
    ]
    await _tell(session, events, now=now)


async def redemption(
    session: AsyncSession,
    used: Redemption,
    credential: CredentialKind,
    kind: EventType,
    *,
    now: datetime,
) -> None:
    """Tell the organisation whose redemption it is; one of the sandbox stays in its own feed."""
    told = PartnerEvent(
        organisation_id=used.organisation_id,
        kind=credential,
        type=kind,
        at=now,
        subject=used.subject,
        scheme=used.scheme,
        redemption_id=used.id,
    )
    await _tell(session, [told], now=now)


def _knowing(account_id: UUID) -> Select[UUID, str]:
    """The organisations that were ever given a name for a resident, and the names."""
    return (
        select(PartnerSubject.organisation_id, PartnerSubject.subject)
        .join(Organisation, Organisation.id == PartnerSubject.organisation_id)
        .where(PartnerSubject.account_id == account_id, Organisation.suspended_at.is_(None))
        .order_by(PartnerSubject.organisation_id)
    )


async def _tell(session: AsyncSession, events: Iterable[PartnerEvent], *, now: datetime) -> None:
    """Store the events, and a delivery of those about residents to each address that is open."""
    told = list(events)
    if not told:
        return
    session.add_all(told)
    await session.flush()
    live = CredentialKind.LIVE
    by_organisation = {event.organisation_id: event for event in told if event.kind is live}
    open_ones = select(WebhookEndpoint.id, WebhookEndpoint.organisation_id).where(
        WebhookEndpoint.organisation_id.in_(by_organisation), WebhookEndpoint.disabled_at.is_(None)
    )
    session.add_all(
        WebhookDelivery(endpoint_id=one, event_id=by_organisation[organisation].id, due_at=now)
        for one, organisation in (await session.execute(open_ones)).all()
    )
    await session.flush()
