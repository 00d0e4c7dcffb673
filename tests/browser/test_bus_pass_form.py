"""The page on which staff link a bus pass, and what record and resident see of it."""

import pytest

from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.bus_passes import ISRN
from tests.support.clerk import sign_in
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def test_the_page_is_fit_to_be_used_with_its_faults_and_the_record_after_it(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    account = live_server.register(JEAN)
    sign_in(page, live_server, live_server.add_staff(StaffRole.ADVISER, "bea"))
    page.goto(f"/staff/residents/{account}/bus-passes/new?reason=at-desk")
    reader.check("Link a bus pass")
    page.get_by_label("Number on the bus pass").fill(ISRN[:-1] + "2")
    reader.press("Link the bus pass")
    reader.check("Error: Link a bus pass")
    assert reader.says("the last digit of the ISRN does not fit the others")
    page.get_by_label("Number on the bus pass").fill(ISRN)
    reader.press("Link the bus pass")
    assert page.title().startswith("Resident")
    assert reader.says("633597 0289 0100001 6")
    assert reader.says("Number typed, not verified")
