"""A change of address at a desk, and an address that is protected."""

import pytest
from playwright.sync_api import Page

from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import act_for, open_record, sign_in
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def fill_move(page: Page) -> None:
    page.get_by_label("Address line 1").fill("2 New Road")
    page.get_by_label("Town or city").fill("Tonbridge")
    page.get_by_label("Postcode").fill("tn9 1bh")
    page.locator("#document-kind").select_option("council-tax-bill")
    days = {"moved_on": ("22", "11", "2026"), "document.dated_on": ("1", "4", "2026")}
    for field, day in days.items():
        for part, value in zip(("day", "month", "year"), day, strict=True):
            page.locator(f"[name='{field}-{part}']").fill(value)


def test_a_resident_moves_without_scripts(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    reader = reader_without_scripts
    sign_in(reader.page, live_server)
    open_record(reader.page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Change the address")
    act_for(reader.page, "To change the address")
    fill_move(reader.page)
    reader.press("Change the address")
    assert reader.says("The address is changed")
    assert reader.says("TN9 1BH")
    assert reader.says("Tonbridge and Malling")
    assert reader.says("ME14 1XQ, from 22 November 2026 to 22 November 2026")


def test_the_pages_of_a_move_are_fit_to_be_used_and_keep_what_was_typed(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Change the address")
    act_for(page, "To change the address")
    reader.check("Change the address")
    page.get_by_label("Address line 1").fill("10 Downing Street")
    page.get_by_label("Postcode").fill("SW1A 2AA")
    reader.press("Change the address")
    reader.check("Error: Change the address")
    assert reader.says("This postcode is not in our table")
    assert reader.says("Enter the day they moved")
    assert page.get_by_label("Address line 1").input_value() == "10 Downing Street"


def test_a_protected_address_is_shown_to_a_supervisor_alone(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Protect this address")
    assert reader.says("The address is protected")
    assert reader.says("Protected: your role is not shown it")
    assert not reader.says("1 Example Street")
    assert not reader.says("ME14 1XQ")
    reader.check(page.locator(".govuk-caption-l").inner_text())
    reader.press("Sign out")
    sign_in(page, live_server, live_server.add_staff(StaffRole.SUPERVISOR))
    open_record(page, "ME14 1XQ", "Jean O'Malley")
    assert reader.says("1 Example Street")
    reader.check(page.locator(".govuk-caption-l").inner_text())
    reader.press("End the protection of this address")
    assert reader.says("The protection of the address has ended")
