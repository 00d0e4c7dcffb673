"""The addresses to which a partner has its events sent, and the secrets they are signed with."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import organisations
from entitlements.event_models import (
    Disabled,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
    WebhookTry,
)
from entitlements.partner_errors import NoSuchEndpoint
from entitlements.webhook_addresses import AddressFault, read_url
from entitlements.webhook_signatures import SECRET_BYTES, SigningSecret, new_secret
from identity import audit
from identity.actors import Actor
from identity.db import new_id
from identity.personal import Vault

MOST: Final = 5
"""Addresses of one organisation."""
OVERLAP: Final = timedelta(hours=24)
"""How long messages are signed with the secret before as well."""
_SECRET: Final = WebhookSecret.__tablename__


class Made(msgspec.Struct, frozen=True):
    """An address was added, or given a new secret, which is shown this once."""

    endpoint: WebhookEndpoint
    secret: SigningSecret


class TooMany(msgspec.Struct, frozen=True):
    """The organisation has `MOST` addresses."""


class AlreadyThere(msgspec.Struct, frozen=True):
    """The organisation has this address."""


class Shown(msgspec.Struct, frozen=True):
    """An address as its organisation sees it; the secret itself is not shown again.

    Attributes:
        public_key: checks the `v1a` signatures of the newest secret.
        secret_since: when that was made.
        also_until: until when the secret before is used beside it; None when it is not.
    """

    endpoint: WebhookEndpoint
    public_key: str
    secret_since: datetime
    also_until: datetime | None


async def add(
    session: AsyncSession,
    vault: Vault,
    organisation_id: UUID,
    url: str,
    *,
    loopback: bool,
    actor: Actor,
    now: datetime,
) -> Made | AddressFault | TooMany | AlreadyThere:
    """Add an address. Its name is looked up when something is sent.

    Raises:
        NoSuchOrganisation: no organisation with that id.
    """
    place = read_url(url.strip(), loopback=loopback)
    if isinstance(place, AddressFault):
        return place
    await organisations.locked(session, organisation_id)
    others = await _of(session, organisation_id)
    if any(each.url == str(place.url) for each in others):
        return AlreadyThere()
    if len(others) >= MOST:
        return TooMany()
    endpoint = WebhookEndpoint(organisation_id=organisation_id, url=str(place.url), created_at=now)
    session.add(endpoint)
    await session.flush()
    secret = await _new_secret(session, vault, endpoint, now=now)
    _audit(session, "webhook-added", endpoint, actor=actor, now=now)
    return Made(endpoint, secret)


async def change_secret(
    session: AsyncSession,
    vault: Vault,
    organisation_id: UUID,
    endpoint_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> Made:
    """Make a new secret; for a day messages bear the signatures of both.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    endpoint = await locked(session, organisation_id, endpoint_id)
    current = update(WebhookSecret).where(
        WebhookSecret.endpoint_id == endpoint_id, WebhookSecret.stops_at.is_(None)
    )
    await session.execute(current.values(stops_at=now + OVERLAP))
    secret = await _new_secret(session, vault, endpoint, now=now)
    _audit(session, "webhook-secret-changed", endpoint, actor=actor, now=now)
    return Made(endpoint, secret)


async def disable(
    session: AsyncSession,
    organisation_id: UUID,
    endpoint_id: UUID,
    why: Disabled,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Send nothing to an address any more, nor what waits; it can be sent again later.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    endpoint = await locked(session, organisation_id, endpoint_id)
    if endpoint.disabled_at is not None:
        return
    endpoint.disabled_at, endpoint.disabled_because = now, why
    await session.flush()
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.due_at.is_not(None)
    )
    await session.execute(waiting.values(due_at=None, given_up_at=now))
    detail = {"because": why.value}
    _audit(session, "webhook-disabled", endpoint, actor=actor, now=now, detail=detail)


async def enable(
    session: AsyncSession,
    organisation_id: UUID,
    endpoint_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Send to an address again, from now on.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    endpoint = await locked(session, organisation_id, endpoint_id)
    endpoint.disabled_at = endpoint.disabled_because = None
    await session.flush()
    _audit(session, "webhook-enabled", endpoint, actor=actor, now=now)


async def remove(
    session: AsyncSession,
    organisation_id: UUID,
    endpoint_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Forget an address, its secrets and its log.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    endpoint = await locked(session, organisation_id, endpoint_id)
    deliveries = select(WebhookDelivery.id).where(WebhookDelivery.endpoint_id == endpoint_id)
    for gone in (
        delete(WebhookTry).where(WebhookTry.delivery_id.in_(deliveries)),
        delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id),
        delete(WebhookSecret).where(WebhookSecret.endpoint_id == endpoint_id),
        delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id),
    ):
        await session.execute(gone)
    _audit(session, "webhook-removed", endpoint, actor=actor, now=now)


async def shown(
    session: AsyncSession, vault: Vault, organisation_id: UUID, *, now: datetime
) -> Sequence[Shown]:
    """The addresses of an organisation, oldest first."""
    return [
        await _shown(session, vault, each, now=now) for each in await _of(session, organisation_id)
    ]


async def shown_one(
    session: AsyncSession, vault: Vault, organisation_id: UUID, endpoint_id: UUID, *, now: datetime
) -> Shown:
    """One of them.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    return await _shown(session, vault, await find(session, organisation_id, endpoint_id), now=now)


async def find(session: AsyncSession, organisation_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """An address of this organisation.

    Raises:
        NoSuchEndpoint: it has none with that id; another's is as good as none.
    """
    endpoint = await session.get(WebhookEndpoint, endpoint_id)
    return _own(endpoint, organisation_id)


async def locked(
    session: AsyncSession, organisation_id: UUID, endpoint_id: UUID
) -> WebhookEndpoint:
    """The same, locked until the transaction ends.

    Raises:
        NoSuchEndpoint: the organisation has no address with that id.
    """
    endpoint = await session.get(
        WebhookEndpoint, endpoint_id, with_for_update={"key_share": True}, populate_existing=True
    )
    return _own(endpoint, organisation_id)


async def signing(
    session: AsyncSession, vault: Vault, endpoint_id: UUID, *, now: datetime
) -> Sequence[SigningSecret]:
    """The secrets that an address's messages are signed with now, the newest first."""
    return [_opened(vault, row) for row in await _in_use(session, endpoint_id, now=now)]


async def _shown(
    session: AsyncSession, vault: Vault, endpoint: WebhookEndpoint, *, now: datetime
) -> Shown:
    newest, *before = await _in_use(session, endpoint.id, now=now)
    return Shown(
        endpoint,
        public_key=_opened(vault, newest).public_key,
        secret_since=newest.created_at,
        also_until=before[0].stops_at if before else None,
    )


async def _in_use(
    session: AsyncSession, endpoint_id: UUID, *, now: datetime
) -> Sequence[WebhookSecret]:
    in_use = select(WebhookSecret).where(
        WebhookSecret.endpoint_id == endpoint_id,
        WebhookSecret.stops_at.is_(None) | (WebhookSecret.stops_at > now),
    )
    rows = (await session.scalars(in_use)).all()
    return sorted(rows, key=lambda row: (row.stops_at is not None, -row.created_at.timestamp()))


async def _new_secret(
    session: AsyncSession, vault: Vault, endpoint: WebhookEndpoint, *, now: datetime
) -> SigningSecret:
    row_id, secret = new_id(), new_secret()
    text = base64.b64encode(secret.shared + secret.seed).decode()
    sealed = vault.seal(_SECRET, "sealed_secret", row_id, text)
    session.add(
        WebhookSecret(id=row_id, endpoint_id=endpoint.id, created_at=now, sealed_secret=sealed)
    )
    await session.flush()
    return secret


def _opened(vault: Vault, row: WebhookSecret) -> SigningSecret:
    text = vault.open(_SECRET, "sealed_secret", row.id, row.sealed_secret)
    both = base64.b64decode(text)
    return SigningSecret(both[:SECRET_BYTES], both[SECRET_BYTES:])


async def _of(session: AsyncSession, organisation_id: UUID) -> Sequence[WebhookEndpoint]:
    mine = select(WebhookEndpoint).where(WebhookEndpoint.organisation_id == organisation_id)
    in_order = mine.order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)
    return (await session.scalars(in_order)).all()


def _own(endpoint: WebhookEndpoint | None, organisation_id: UUID) -> WebhookEndpoint:
    if endpoint is None or endpoint.organisation_id != organisation_id:
        raise NoSuchEndpoint("There is no such webhook.")
    return endpoint


def _audit(
    session: AsyncSession,
    action: str,
    endpoint: WebhookEndpoint,
    *,
    actor: Actor,
    now: datetime,
    detail: Mapping[str, str] | None = None,
) -> None:
    subject = audit.subject_of("partner", endpoint.organisation_id)
    told = {"webhook": str(endpoint.id), **(detail or {})}
    audit.record(session, action, subject, actor=actor, now=now, detail=told)
