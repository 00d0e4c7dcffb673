"""The people who sign in for a partner, as staff do: each for one organisation and no other."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import organisations
from entitlements.member_models import OrganisationMember
from entitlements.partner_errors import NoSuchOrganisation
from entitlements.partner_models import Organisation
from identity import audit, staff
from identity.actors import Actor
from identity.models import StaffMember, StaffRole


async def add(
    session: AsyncSession,
    organisation_id: UUID,
    username: str,
    name: str,
    password: str,
    *,
    actor: Actor,
    now: datetime,
) -> StaffMember:
    """Add somebody who signs in for an organisation.

    Raises:
        InvalidDetails: faults by field: `username`, `name`, `password`.
        NoSuchOrganisation: no organisation with that id.
    """
    organisation = await organisations.locked(session, organisation_id)
    role = StaffRole.PARTNER
    person = await staff.add(session, username, name, role, password, actor=actor, now=now)
    session.add(
        OrganisationMember(staff_id=person.id, organisation_id=organisation.id, added_at=now)
    )
    await session.flush()
    subject, detail = audit.subject_of("partner", organisation.id), {"staff": str(person.id)}
    audit.record(session, "partner-member-added", subject, actor=actor, now=now, detail=detail)
    return person


async def organisation_of(session: AsyncSession, staff_id: UUID) -> Organisation:
    """For whom somebody signs in.

    Raises:
        NoSuchOrganisation: for nobody.
    """
    own = (
        select(Organisation)
        .join(OrganisationMember, OrganisationMember.organisation_id == Organisation.id)
        .where(OrganisationMember.staff_id == staff_id)
    )
    found = await session.scalar(own)
    if found is None:
        raise NoSuchOrganisation("This person signs in for no organisation.")
    return found


async def listed(session: AsyncSession, organisation_id: UUID) -> Sequence[StaffMember]:
    """Who signs in for an organisation, or did, by user name."""
    theirs = (
        select(StaffMember)
        .join(OrganisationMember, OrganisationMember.staff_id == StaffMember.id)
        .where(OrganisationMember.organisation_id == organisation_id)
    )
    return (await session.scalars(theirs.order_by(StaffMember.username))).all()
