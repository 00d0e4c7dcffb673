"""A resident sees, copies and erases what is held of them; staff do it on their behalf."""

from datetime import timedelta

import pytest

from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import open_record, sign_in
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def sign_in_resident(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    page.get_by_label("Code", exact=True).fill(live_server.newest_code())
    reader.press("Sign in")


def test_a_resident_asks_to_be_erased_and_stops_it_without_scripts(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    reader = reader_without_scripts
    live_server.register(JEAN)
    sign_in_resident(reader, live_server)
    page = reader.page
    page.get_by_role("link", name="Your information").click()
    page.get_by_role("link", name="Erase your account").click()
    assert reader.says("You have 14 days in which you can stop it")
    reader.press("Erase my account")
    assert reader.says("Your account will be erased on 6 December 2026")
    page.goto("/account")
    assert reader.says("Your account will be erased on 6 December 2026")
    reader.press("Stop the erasure")
    assert reader.says("Your account will not be erased")
    page.goto("/account")
    assert not reader.says("Your account will be erased")


def test_every_page_of_a_residents_rights_is_fit_for_everybody(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    sign_in_resident(reader, live_server)
    page = reader.page
    page.goto("/account/information")
    reader.check("Your information")
    page.get_by_role("link", name="See or download everything").click()
    reader.check("Everything we hold about you")
    for summary in page.locator("summary").all():
        summary.click()
    reader.check("Everything we hold about you")
    assert reader.says("Jean")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download it as a file").click()
    assert download.value.suggested_filename == "kent-card.json"
    page.goto("/account/erase")
    reader.check("Erase your account")
    reader.press("Erase my account")
    reader.check("Erase your account")
    page.goto("/account")
    reader.check("Your Kent Card")
    live_server.clock.move(timedelta(minutes=6))
    page.goto("/account/copy")
    reader.check("Confirm it is you")
    reader.press("Send me a code")
    page.get_by_label("Code", exact=True).fill(live_server.newest_code())
    reader.press("Continue")
    reader.check("Everything we hold about you")


def test_staff_ask_for_an_erasure_and_for_keeping_and_a_colleague_decides(
    reader: Reader, live_server: LiveServer
) -> None:
    account = live_server.register(JEAN)
    page = reader.page
    supervisor = live_server.add_staff(StaffRole.SUPERVISOR)
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    page.get_by_role("button", name="Erase this record").click()
    reader.check("Erase this record")
    reader.press("Ask for approval")
    reader.check("Error: Erase this record")
    page.get_by_label("How did the resident ask").fill("By letter, signed")
    reader.press("Ask for approval")
    assert reader.says("A colleague must approve it")
    reader.press("Sign out")
    sign_in(page, live_server, supervisor)
    page.get_by_role("link", name="Requests").click()
    assert reader.says("Erase the record: Jean O'Malley")
    reader.check("Requests")
    reader.press("Approve")
    page.goto(f"/staff/residents/{account}?reason=at-desk")
    assert reader.says("This record will be erased on 6 December 2026")
    reader.check(page.title().removesuffix(" – Kent Card"))
    page.get_by_role("link", name="The record must be kept").click()
    reader.check("Keep this record")
    reader.press("Ask for approval")
    reader.check("Error: Keep this record")
    page.get_by_label("An investigation of fraud").check()
    page.get_by_label("What shows it?").fill("Case 12")
    reader.press("Ask for approval")
    assert reader.says("A colleague must approve it")
    reader.press("Stop the erasure")
    assert reader.says("The record will not be erased")
