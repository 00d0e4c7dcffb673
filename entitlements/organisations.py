"""Partners: what each may ask about, and the credential by which each proves who it is.

An organisation has one live credential and one for the sandbox. A new one takes the place of the
old, which goes on for a week so that the partner can change over; a third at the same time there
never is.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import rulebooks
from entitlements.errors import UnknownScheme
from entitlements.partner_errors import NoSuchOrganisation, OrganisationNameTaken
from entitlements.partner_models import (
    CredentialKind,
    Organisation,
    OrganisationScheme,
    PartnerCredential,
)
from identity import audit
from identity.actors import Actor, ActorKind
from identity.errors import InvalidDetails
from identity.oidc import clients
from identity.oidc.models import Basis, ClientAuth, OidcClient
from identity.oidc.registration import MACHINE, NewClient
from identity.oidc.scopes import FOR_PARTNERS

OVERLAP: Final = timedelta(days=7)
"""How long a replaced credential goes on."""
_LONGEST_NAME: Final = 120
_IN_NAME: Final = {CredentialKind.LIVE: "", CredentialKind.SANDBOX: " (sandbox)"}


class Agreed(msgspec.Struct, frozen=True):
    """A scheme that an organisation may ask about, and whether it is told the band by age."""

    scheme: str
    tells_band: bool = False


class Partner(msgspec.Struct, frozen=True):
    """An organisation with everything that belongs to it.

    Attributes:
        agreed: what it may ask about, by scheme.
        credentials: newest first, those that stopped too.
    """

    organisation: Organisation
    agreed: Sequence[OrganisationScheme]
    credentials: Sequence[PartnerCredential]


def actor_of(organisation: Organisation) -> Actor:
    """The organisation as the one who acts; residents see its name."""
    return Actor(ActorKind.PARTNER, str(organisation.id), organisation.name)


async def add(
    session: AsyncSession, name: str, agreed: Collection[Agreed], *, actor: Actor, now: datetime
) -> Organisation:
    """Add a partner; it has no credential yet.

    Raises:
        InvalidDetails: the name is empty, too long or cannot be printed.
        OrganisationNameTaken: another has that name.
        UnknownScheme: there is no such scheme.
    """
    _check_name(name)
    made = Organisation(name=name, created_at=now)
    try:
        async with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        raise OrganisationNameTaken(f"There is an organisation named {name!r}.") from error
    _audit(session, "partner-added", made, actor=actor, now=now, detail={"name": name})
    await agree(session, made.id, agreed, actor=actor, now=now)
    return made


async def agree(
    session: AsyncSession,
    organisation_id: UUID,
    agreed: Collection[Agreed],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Say what an organisation may ask about from now on, in place of what it could before.

    Raises:
        NoSuchOrganisation: no organisation with that id.
        UnknownScheme: there is no such scheme.
    """
    organisation = await locked(session, organisation_id)
    known = (await rulebooks.in_force(session)).schemes
    if unknown := sorted({each.scheme for each in agreed} - set(known)):
        raise UnknownScheme(f"There is no scheme {', '.join(unknown)}.")
    mine = OrganisationScheme.organisation_id == organisation_id
    await session.execute(delete(OrganisationScheme).where(mine))
    session.add_all(
        OrganisationScheme(
            organisation_id=organisation_id,
            scheme=each.scheme,
            tells_band=each.tells_band,
            agreed_at=now,
        )
        for each in agreed
    )
    await session.flush()
    detail = {"schemes": sorted(each.scheme for each in agreed)}
    _audit(session, "partner-agreed", organisation, actor=actor, now=now, detail=detail)


async def new_credential(
    session: AsyncSession,
    organisation_id: UUID,
    kind: CredentialKind,
    keys: Sequence[Mapping[str, str]],
    *,
    actor: Actor,
    now: datetime,
) -> PartnerCredential:
    """Give an organisation a credential for public keys of its own; the one before goes on a while.

    Raises:
        InvalidDetails: the keys are none that a client may sign with.
        NoSuchOrganisation: no organisation with that id.
    """
    organisation = await locked(session, organisation_id)
    details = NewClient(
        name=organisation.name[: _LONGEST_NAME - len(_IN_NAME[kind])] + _IN_NAME[kind],
        basis=Basis.CONSENT,
        auth=ClientAuth.PRIVATE_KEY_JWT,
        grant_types=(MACHINE,),
        scopes=FOR_PARTNERS,
        keys=tuple(keys),
    )
    registered = await clients.add(session, details, actor=actor, now=now)
    for before in await _in_use(session, organisation_id, kind, now=now):
        # Of two there were, the one that was replaced before makes room.
        await _replace(session, before, actor=actor, now=now)
    made = PartnerCredential(
        client_id=registered.client_id, organisation_id=organisation_id, kind=kind, made_at=now
    )
    session.add(made)
    await session.flush()
    detail = {"client": made.client_id, "kind": kind.value}
    _audit(session, "partner-credential-made", organisation, actor=actor, now=now, detail=detail)
    return made


async def stop_credential(
    session: AsyncSession, organisation_id: UUID, client_id: str, *, actor: Actor, now: datetime
) -> None:
    """Refuse a credential from now on.

    Raises:
        NoSuchOrganisation: no organisation with that id has a credential of that id in use.
    """
    organisation = await locked(session, organisation_id)
    found = await session.get(PartnerCredential, client_id)
    if found is None or found.organisation_id != organisation_id or is_stopped(found, now=now):
        raise NoSuchOrganisation("This organisation has no such credential in use.")
    found.replaced_at = found.replaced_at or now
    await _stop(session, found, actor=actor, now=now)
    detail = {"client": client_id}
    _audit(session, "partner-credential-stopped", organisation, actor=actor, now=now, detail=detail)


async def suspend(
    session: AsyncSession, organisation_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Answer an organisation nothing from now on.

    Raises:
        NoSuchOrganisation: no organisation with that id.
    """
    organisation = await locked(session, organisation_id)
    organisation.suspended_at = organisation.suspended_at or now
    _audit(session, "partner-suspended", organisation, actor=actor, now=now)


async def resume(
    session: AsyncSession, organisation_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Answer an organisation again that was suspended.

    Raises:
        NoSuchOrganisation: no organisation with that id.
    """
    organisation = await locked(session, organisation_id)
    organisation.suspended_at = None
    _audit(session, "partner-resumed", organisation, actor=actor, now=now)


async def listed(session: AsyncSession) -> Sequence[Organisation]:
    """Every organisation, by name."""
    return (await session.scalars(select(Organisation).order_by(Organisation.name))).all()


async def shown(session: AsyncSession, organisation_id: UUID) -> Partner:
    """An organisation with what it may ask about and its credentials.

    Raises:
        NoSuchOrganisation: no organisation with that id.
    """
    organisation = await session.get(Organisation, organisation_id)
    if organisation is None:
        raise _none_such()
    agreed = select(OrganisationScheme).where(OrganisationScheme.organisation_id == organisation_id)
    credentials = select(PartnerCredential).where(
        PartnerCredential.organisation_id == organisation_id
    )
    newest_first = (PartnerCredential.made_at.desc(), PartnerCredential.client_id)
    return Partner(
        organisation,
        (await session.scalars(agreed.order_by(OrganisationScheme.scheme))).all(),
        (await session.scalars(credentials.order_by(*newest_first))).all(),
    )


async def locked(session: AsyncSession, organisation_id: UUID) -> Organisation:
    """An organisation, locked until the transaction ends.

    Raises:
        NoSuchOrganisation: no organisation with that id.
    """
    query = select(Organisation).where(Organisation.id == organisation_id).with_for_update()
    found = await session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise _none_such()
    return found


def is_stopped(credential: PartnerCredential, *, now: datetime) -> bool:
    """Whether a credential is refused."""
    return credential.stops_at is not None and credential.stops_at <= now


async def _in_use(
    session: AsyncSession, organisation_id: UUID, kind: CredentialKind, *, now: datetime
) -> Sequence[PartnerCredential]:
    query = select(PartnerCredential).where(
        PartnerCredential.organisation_id == organisation_id, PartnerCredential.kind == kind
    )
    return [each for each in await session.scalars(query) if not is_stopped(each, now=now)]


async def _replace(
    session: AsyncSession, credential: PartnerCredential, *, actor: Actor, now: datetime
) -> None:
    if credential.replaced_at is None:
        credential.replaced_at, credential.stops_at = now, now + OVERLAP
        await session.flush()
    else:
        await _stop(session, credential, actor=actor, now=now)


async def _stop(
    session: AsyncSession, credential: PartnerCredential, *, actor: Actor, now: datetime
) -> None:
    credential.stops_at = now
    await session.flush()
    client = await session.get(OidcClient, credential.client_id)
    if client is not None and client.disabled_at is None:
        await clients.disable(session, credential.client_id, actor=actor, now=now)


def _check_name(name: str) -> None:
    if name.strip() != name or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidDetails({"name": f"Enter a name of at most {_LONGEST_NAME} characters"})


def _none_such() -> NoSuchOrganisation:
    return NoSuchOrganisation("There is no such organisation.")


def _audit(
    session: AsyncSession,
    action: str,
    organisation: Organisation,
    *,
    actor: Actor,
    now: datetime,
    detail: Mapping[str, str | list[str]] | None = None,
) -> None:
    subject = audit.subject_of("partner", organisation.id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
