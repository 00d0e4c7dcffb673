"""Who asks at the partners' API, and what they may ask about."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select

from entitlements.partner_models import (
    CredentialKind,
    Organisation,
    OrganisationScheme,
    PartnerCredential,
)
from identity.actors import Actor, ActorKind
from identity.executors import Executor

# Asked at nearly every call, so built once.
_BEHIND: Final = (
    select(
        Organisation.id,
        Organisation.name,
        Organisation.suspended_at,
        PartnerCredential.kind,
        PartnerCredential.stops_at,
    )
    .join(PartnerCredential, PartnerCredential.organisation_id == Organisation.id)
    .where(PartnerCredential.client_id == bindparam("client_id"))
)
_AGREED: Final = select(OrganisationScheme.scheme, OrganisationScheme.tells_band).where(
    OrganisationScheme.organisation_id == bindparam("organisation_id")
)


class Caller(msgspec.Struct, frozen=True):
    """An organisation at the API.

    Attributes:
        kind: of its credential: what it sees.
        suspended: it is answered nothing.
        agreed: scheme -> whether it is told the band; what it may ask about.
        scopes: of its token.
    """

    organisation_id: UUID
    name: str
    kind: CredentialKind
    suspended: bool
    agreed: Mapping[str, bool]
    scopes: frozenset[str]

    @property
    def actor(self) -> Actor:
        """As the one who acts; residents see its name."""
        return Actor(ActorKind.PARTNER, str(self.organisation_id), self.name)


async def behind(
    executor: Executor, client_id: str, scopes: frozenset[str], *, now: datetime
) -> Caller | None:
    """The organisation a client stands for; None for no partner's, or one that was stopped."""
    row = (await executor.execute(_BEHIND, {"client_id": client_id})).one_or_none()
    if row is None or (row.stops_at is not None and row.stops_at <= now):
        return None
    agreed = await executor.execute(_AGREED, {"organisation_id": row.id})
    return Caller(
        organisation_id=row.id,
        name=row.name,
        kind=row.kind,
        suspended=row.suspended_at is not None,
        agreed={each.scheme: each.tells_band for each in agreed},
        scopes=scopes,
    )
