"""A card officer works through taps that do not add up."""

import re

import pytest

from cardservice.reconciliation_models import FindingKind
from cardservice.web.staff.tap_findings import WORDS
from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.odd_taps import find_odd_taps
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def test_every_kind_is_explained_and_closed_with_a_note(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    reader, page = reader_without_scripts, reader_without_scripts.page
    find_odd_taps(live_server, live_server.register(JEAN))
    sign_in(page, live_server)
    page.get_by_role("link", name="Taps", exact=True).click()
    assert reader.says("5 findings are open")
    for kind in FindingKind:
        page.get_by_role("link", name=re.compile(f"^Open {re.escape(WORDS[kind].title)}")).click()
        assert reader.says(WORDS[kind].advice)
        assert not reader.says(JEAN.family_name), "no name before a record is opened"
        has_holder = page.get_by_role("link", name="Open the record of the card’s holder").count()
        assert has_holder == (kind is FindingKind.IMPOSSIBLE_TRAVEL)
        reader.press("Close")
        assert reader.says("Write what you found out, in at most 500 characters")
        page.get_by_label("What you found out").fill(f"Looked at: {kind}")
        reader.press("Close")
        assert reader.says("Closed, with your note")
    assert reader.says("0 findings are open")
    page.goto("/staff/taps/1")
    assert reader.says("Looked at: ")
    assert page.get_by_role("button", name="Close").count() == 0


def test_the_pages_are_fit_to_be_used(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    find_odd_taps(live_server, live_server.register(JEAN))
    sign_in(page, live_server)
    page.goto("/staff/taps")
    reader.check("Taps that do not add up")
    page.get_by_role("link", name=re.compile("^Open One card")).click()
    reader.check("One card at two places")


def test_an_adviser_is_not_shown_them(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.ADVISER))
    assert page.get_by_role("link", name="Taps", exact=True).count() == 0
    answer = page.goto("/staff/taps")
    assert answer is not None
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/staff/taps/999999", "/staff/taps/none"])
def test_what_is_no_finding_is_not_found(
    reader: Reader, live_server: LiveServer, path: str
) -> None:
    sign_in(reader.page, live_server)
    answer = reader.page.goto(path)
    assert answer is not None
    assert answer.status == 404
