"""The page on which an officer tells what no document shows."""

import pytest

from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def test_the_page_is_fit_to_be_used_with_its_faults_too(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    account = live_server.register(JEAN)
    sign_in(page, live_server, live_server.add_staff(StaffRole.CARD_OFFICER, "olu"))
    page.goto(f"/staff/residents/{account}/facts/new?reason=at-desk")
    reader.check("Tell what no document shows")
    reader.press("Tell it and decide anew")
    reader.check("Error: Tell what no document shows")
    for words in ("Select what you were told", "Select yes, no or not known any more", "Say why"):
        assert reader.says(words)
