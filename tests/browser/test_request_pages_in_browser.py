"""Four eyes in the browser: a correction, a death, and its undoing."""

from uuid import UUID

import pytest
from playwright.sync_api import Page
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance
from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import act_for, open_record, sign_in
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def fill_day(page: Page, field: str, *day: str) -> None:
    for part, value in zip(("day", "month", "year"), day, strict=True):
        page.locator(f"[name='{field}-{part}']").fill(value)


async def card_in_use(session: AsyncSession, live: LiveServer, account: str) -> None:
    now = live.clock()
    desk = await enrolled_desk(session, "Card office", now=now)
    await issuance.order(session, live.vault, UUID(account), desk.id, actor=CLERK, now=now)
    await make_ordered_card(session, live.vault, account, now=now)


def approve(reader: Reader, live_server: LiveServer, supervisor: str) -> None:
    reader.press("Sign out")
    sign_in(reader.page, live_server, supervisor)
    reader.page.get_by_role("link", name="Requests").click()
    reader.press("Approve")
    assert reader.says("The request is approved, and done")


def test_a_name_is_corrected_by_two_people_without_scripts(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    reader, page = reader_without_scripts, reader_without_scripts.page
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Correct the name or date of birth")
    act_for(page, "To correct the name or date of birth")
    page.get_by_label("Given names").fill("Jean")
    page.get_by_label("Family name").fill("Weald")
    fill_day(page, "birth_date", "31", "7", "1960")
    page.locator("#document-kind").select_option("passport")
    reader.press("Ask for approval")
    assert reader.says("A colleague must approve it before anything changes")
    assert reader.says("Jean O'Malley")
    approve(reader, live_server, live_server.add_staff(StaffRole.SUPERVISOR))
    open_record(page, "Weald", "Jean Weald")


def test_a_death_is_recorded_and_undone_by_two_people(
    reader: Reader, live_server: LiveServer
) -> None:
    account = live_server.register(JEAN)
    live_server.do(lambda session: card_in_use(session, live_server, account))
    page, supervisor = reader.page, live_server.add_staff(StaffRole.SUPERVISOR)
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Report a death")
    fill_day(page, "died_on", "20", "11", "2026")
    page.get_by_label("Death certificate").check()
    reader.press("Ask for approval")
    approve(reader, live_server, supervisor)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    assert reader.says("This resident is recorded as deceased")
    assert page.locator("[id^='card-state-']").inner_text() == "Stopped"
    assert not reader.says("Write this card again")
    assert page.locator("#library-standing").inner_text() != "Held"
    assert not reader.says("Order a card")
    assert not reader.says("Change the address")
    reader.check(page.locator(".govuk-caption-l").inner_text())
    reader.press("Sign out")
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("The report of death was false")
    page.get_by_label("How do you know?").fill("She came to the desk")
    reader.press("Ask for approval")
    approve(reader, live_server, supervisor)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    assert not reader.says("This resident is recorded as deceased")
    assert page.locator("[id^='card-state-']").inner_text() == "In use"
    assert page.locator("#library-standing").inner_text() == "Held"


def test_the_pages_of_requests_are_fit_to_be_used(reader: Reader, live_server: LiveServer) -> None:
    account = live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    for path, title in (
        ("correction/new", "Correct the name or date of birth"),
        ("death/new", "Report a death"),
        ("death/false", "The report of death was false"),
    ):
        page.goto(f"/staff/residents/{account}/{path}?reason=at-desk")
        if "correction" in path:
            act_for(page, "To correct the name or date of birth")
        reader.check(title)
        reader.press("Ask for approval")
        reader.check(f"Error: {title}")
    page.goto(f"/staff/residents/{account}/death/new?reason=at-desk")
    fill_day(page, "died_on", "20", "11", "2026")
    page.get_by_label("Notice from Tell Us Once").check()
    reader.press("Ask for approval")
    reader.press("Sign out")
    sign_in(page, live_server, live_server.add_staff(StaffRole.SUPERVISOR))
    page.get_by_role("link", name="Requests").click()
    reader.check("Requests")
    assert reader.says("Died on 20 November 2026")
    reader.press("Refuse")
    reader.check("Error: Requests")
