"""Which role a member of staff has, and whether they have access at all."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, sessions
from identity.actors import Actor
from identity.errors import NoSuchStaff, OwnAccess, PartnerRoleStays
from identity.models import StaffMember, StaffRole
from identity.signin_models import SessionKind


async def members(session: AsyncSession) -> Sequence[StaffMember]:
    """Everybody who has or had access, by user name."""
    return (await session.scalars(select(StaffMember).order_by(StaffMember.username))).all()


async def change_role(
    session: AsyncSession, staff_id: UUID, role: StaffRole, *, actor: Actor, now: datetime
) -> None:
    """Give somebody another role. They are signed out, so that no page is left from the old one.

    Raises:
        NoSuchStaff: nobody has that id.
        OwnAccess: it is the actor themselves.
        PartnerRoleStays: they work for a partner, or would from now on.
    """
    member = await other(session, staff_id, actor)
    before = member.role
    if StaffRole.PARTNER in {before, role}:
        raise PartnerRoleStays(
            "Somebody who works for a partner has no other role, and nobody else gets theirs."
        )
    if before is role:
        return
    member.role = role
    await sessions.end_all(session, staff_id, SessionKind.STAFF, actor=actor, now=now)
    subject, detail = audit.subject_of("staff", staff_id), {"from": before.value, "to": role.value}
    audit.record(session, "staff-role-changed", subject, actor=actor, now=now, detail=detail)


async def set_active(
    session: AsyncSession, staff_id: UUID, *, active: bool, actor: Actor, now: datetime
) -> None:
    """End somebody's access, or restore it. Ending it signs them out at once.

    Raises:
        NoSuchStaff: nobody has that id.
        OwnAccess: it is the actor themselves.
    """
    member = await other(session, staff_id, actor)
    if member.active is active:
        return
    member.active = active
    if not active:
        await sessions.end_all(session, staff_id, SessionKind.STAFF, actor=actor, now=now)
    action = "staff-access-restored" if active else "staff-access-ended"
    audit.record(session, action, audit.subject_of("staff", staff_id), actor=actor, now=now)


async def other(session: AsyncSession, staff_id: UUID, actor: Actor) -> StaffMember:
    """A member of staff who is not the one who acts; their row is held.

    Raises:
        NoSuchStaff: nobody has that id.
        OwnAccess: it is the actor themselves.
    """
    if actor.id == str(staff_id):
        raise OwnAccess("You cannot change your own access. Ask another administrator.")
    member = await session.get(StaffMember, staff_id, with_for_update=True)
    if member is None:
        raise NoSuchStaff("There is no such member of staff.")
    return member
