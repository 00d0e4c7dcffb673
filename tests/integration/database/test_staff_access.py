"""Roles and access of members of staff, on each database."""

from uuid import UUID

import pytest
from sqlalchemy import select

from cardservice.database import Database
from identity import audit_reading, sessions, staff, staff_access
from identity.actors import SYSTEM
from identity.errors import NoSuchStaff, OwnAccess
from identity.models import StaffRole
from identity.sessions import NotSignedIn, SignedInSession, WhyNotSignedIn
from identity.signin_models import SessionKind
from identity.trail_models import AuditRow
from tests.support.people import CLERK, NOW

PASSWORD = "turnip lantern oxbow river"


@pytest.fixture
async def sam(identity_database: Database) -> UUID:
    async with identity_database.transaction() as session:
        added = await staff.add(
            session, "sam", "Sam Hill", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
        )
        return added.id


async def signed_in(database: Database, staff_id: UUID) -> str:
    async with database.transaction() as session:
        return await sessions.open_session(session, staff_id, SessionKind.STAFF, now=NOW)


async def test_a_new_role_ends_the_sessions_of_the_old(
    identity_database: Database, sam: UUID
) -> None:
    token = await signed_in(identity_database, sam)
    async with identity_database.transaction() as session:
        await staff_access.change_role(session, sam, StaffRole.AUDITOR, actor=CLERK, now=NOW)
    fresh = await signed_in(identity_database, sam)
    async with identity_database.transaction() as session:
        old = await sessions.look_up(session, token, now=NOW)
        new = await sessions.look_up(session, fresh, now=NOW)
        row = (
            await session.scalars(select(AuditRow).where(AuditRow.action == "staff-role-changed"))
        ).one()
    assert old == NotSignedIn(WhyNotSignedIn.ENDED)
    assert isinstance(new, SignedInSession)
    assert new.role is StaffRole.AUDITOR
    assert (row.actor_id, row.detail) == (CLERK.id, {"from": "adviser", "to": "auditor"})


async def test_the_same_role_again_changes_nothing(identity_database: Database, sam: UUID) -> None:
    token = await signed_in(identity_database, sam)
    async with identity_database.transaction() as session:
        await staff_access.change_role(session, sam, StaffRole.ADVISER, actor=CLERK, now=NOW)
        await staff_access.set_active(session, sam, active=True, actor=CLERK, now=NOW)
    async with identity_database.transaction() as session:
        assert isinstance(await sessions.look_up(session, token, now=NOW), SignedInSession)
        actions = list(await session.scalars(select(AuditRow.action)))
    assert actions == ["staff-added"]


async def test_access_ends_at_once(identity_database: Database, sam: UUID) -> None:
    token = await signed_in(identity_database, sam)
    async with identity_database.transaction() as session:
        await staff_access.set_active(session, sam, active=False, actor=CLERK, now=NOW)
    async with identity_database.transaction() as session:
        assert isinstance(await sessions.look_up(session, token, now=NOW), NotSignedIn)
        (member,) = await staff_access.members(session)
        assert not member.active


async def test_nobody_and_oneself_are_refused(identity_database: Database, sam: UUID) -> None:
    async with identity_database.transaction() as session:
        with pytest.raises(NoSuchStaff):
            await staff_access.set_active(session, UUID(int=7), active=False, actor=CLERK, now=NOW)
        with pytest.raises(NoSuchStaff):
            await staff.named(session, "nobody")
        with pytest.raises(OwnAccess):
            await staff_access.change_role(
                session, UUID(CLERK.id), StaffRole.SUPERVISOR, actor=CLERK, now=NOW
            )
        assert (await staff.named(session, " SAM ")).id == sam


async def test_the_trail_is_narrowed_by_whole_subject_actor_or_action(
    identity_database: Database, sam: UUID
) -> None:
    async with identity_database.transaction() as session:
        await staff_access.change_role(session, sam, StaffRole.AUDITOR, actor=CLERK, now=NOW)
    async with identity_database.transaction() as session:
        for about, actions in (
            ("", ["staff-role-changed", "staff-added"]),
            (f"staff:{sam}", ["staff-role-changed", "staff-added"]),
            (CLERK.id, ["staff-role-changed"]),
            ("staff-added", ["staff-added"]),
            ("staff-add", []),
            ("123456789", []),
        ):
            rows = await audit_reading.newest(session, about, actor=CLERK, now=NOW)
            assert [row.action for row in rows] == actions
