"""Pages of the roles that see no resident."""

import pytest

from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def test_an_administrator_changes_a_role_without_scripts(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    reader = reader_without_scripts
    sign_in(
        reader.page, live_server, live_server.add_staff(StaffRole.ADMINISTRATOR), "Members of staff"
    )
    reader.page.get_by_label("Another role for Priya Shah").select_option("supervisor")
    reader.press("Change the role")
    assert reader.says("The role is changed. They must sign in again")
    assert reader.says("User name priya, role supervisor.")
    reader.press("End access")
    assert reader.says("Their access has ended")
    reader.press("Restore access")
    assert reader.says("Their access is restored")


def test_pages_of_administrator_and_auditor_are_fit_to_be_used(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.ADMINISTRATOR), "Members of staff")
    reader.check("Members of staff")
    reader.press("Change the role")
    reader.check("Error: Members of staff")
    reader.press("Sign out")
    sign_in(page, live_server, live_server.add_staff(StaffRole.AUDITOR), "What was done")
    reader.check("What was done")
    page.get_by_label("Only about (optional)").fill("staff-added")
    reader.press("Show")
    reader.check("What was done")
    assert reader.says("staff-added")
