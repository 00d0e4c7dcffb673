"""Who signs in for a partner: for one organisation, in one role, for ever."""

import io
import json

import pytest
from sqlalchemy import select

from cardservice.cli.commands import run
from cardservice.database import Database
from entitlements import members
from entitlements.partner_errors import NoSuchOrganisation
from identity import staff, staff_access
from identity.actors import SYSTEM
from identity.db import new_id
from identity.errors import InvalidDetails, PartnerRoleStays
from identity.models import StaffMember, StaffRole
from identity.trail_models import AuditRow
from tests.support import hooks
from tests.support.people import CLERK, NOW

PASSWORD = "turnip lantern oxbow river"


async def test_somebody_is_added_for_one_organisation(migrated: Database) -> None:
    async with migrated.transaction() as session:
        theatre = await hooks.organisation(session)
        pool = await hooks.organisation(session, "Example Pool")
        tess = await members.add(
            session, theatre, "tess", "Tess Ray", PASSWORD, actor=CLERK, now=NOW
        )
        assert tess.role is StaffRole.PARTNER
        assert (await members.organisation_of(session, tess.id)).id == theatre
        assert [each.username for each in await members.listed(session, theatre)] == ["tess"]
        assert await members.listed(session, pool) == []
    async with migrated.transaction() as session:
        added = select(AuditRow).where(AuditRow.action == "partner-member-added")
        (row,) = (await session.scalars(added)).all()
    assert (row.actor_id, row.detail) == (CLERK.id, {"staff": str(tess.id)})


async def test_staff_of_the_council_sign_in_for_no_organisation(migrated: Database) -> None:
    async with migrated.transaction() as session:
        await hooks.organisation(session)
        role = StaffRole.ADMINISTRATOR
        ada = await staff.add(session, "ada", "Ada Hill", role, PASSWORD, actor=SYSTEM, now=NOW)
        with pytest.raises(NoSuchOrganisation):
            await members.organisation_of(session, ada.id)


async def test_nobody_is_added_for_an_organisation_that_is_none(migrated: Database) -> None:
    with pytest.raises(NoSuchOrganisation):
        async with migrated.transaction() as session:
            await members.add(session, new_id(), "tess", "Tess Ray", PASSWORD, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        assert (await session.scalars(select(StaffMember))).all() == []


async def test_a_weak_password_adds_nobody(migrated: Database) -> None:
    async with migrated.transaction() as session:
        theatre = await hooks.organisation(session)
        with pytest.raises(InvalidDetails) as refused:
            await members.add(session, theatre, "tess", "Tess", "tess", actor=CLERK, now=NOW)
    assert "password" in refused.value.faults


async def test_nobody_changes_into_the_role_of_a_partner_or_out_of_it(migrated: Database) -> None:
    async with migrated.transaction() as session:
        theatre = await hooks.organisation(session)
        tess = await members.add(session, theatre, "tess", "Tess", PASSWORD, actor=CLERK, now=NOW)
        role = StaffRole.ADVISER
        sam = await staff.add(session, "sam", "Sam Hill", role, PASSWORD, actor=SYSTEM, now=NOW)
        for somebody, role in ((tess, StaffRole.ADVISER), (sam, StaffRole.PARTNER)):
            with pytest.raises(PartnerRoleStays):
                await staff_access.change_role(session, somebody.id, role, actor=CLERK, now=NOW)
        assert (tess.role, sam.role) == (StaffRole.PARTNER, StaffRole.ADVISER)


def test_the_command_adds_a_person(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database = tmp_path_factory.mktemp("members") / "kentcard.db"
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{database}")
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()
    assert run(["partners", "add", "--name", "Example Theatre", "--json"]) == 0
    organisation = json.loads(capsys.readouterr().out)["organisation"]
    add = ["partners", "member", "add", organisation, "--username", "tess", "--name", "Tess Ray"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert run(add) == 0
    said = capsys.readouterr().out
    assert "Added tess." in said
    assert "/staff/sign-in" in said
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert run(add) == 2
    assert "This user name is taken" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["staff", "add"], ["staff", "change-role"]])
def test_no_command_about_staff_gives_the_role(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    name = ["--name", "X"] if command == ["staff", "add"] else []
    with pytest.raises(SystemExit) as refused:
        run([*command, "--username", "x", *name, "--role", "partner"])
    assert refused.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
