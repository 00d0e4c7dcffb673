"""One story for each role of the staff, as its people would tell it."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import Account, StaffRole
from tests.support.browser import Reader
from tests.support.clerk import act_for, sign_in
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def find(page: Page, query: str, name: str, why: str = "The resident was on the phone") -> None:
    page.goto("/staff")
    page.get_by_label("Name, postcode").fill(query)
    page.get_by_label(why).check()
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def fill_day(page: Page, field: str, *day: str) -> None:
    for part, value in zip(("day", "month", "year"), day, strict=True):
        page.locator(f"[name='{field}-{part}']").fill(value)


def move(reader: Reader) -> None:
    page = reader.page
    page.get_by_label("Address line 1").fill("2 New Road")
    page.get_by_label("Town or city").fill("Tonbridge")
    page.get_by_label("Postcode").fill("TN9 1BH")
    fill_day(page, "moved_on", "22", "11", "2026")
    page.locator("#document-kind").select_option("council-tax-bill")
    fill_day(page, "document.dated_on", "1", "4", "2026")
    reader.press("Change the address")


def sign_in_as_resident(reader: Reader, live: LiveServer, email: str) -> None:
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")
    expect(page).to_have_title("Your Kent Card – Kent Card")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_clerk_finds_a_misspelt_name_acts_for_her_and_she_is_told(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    live_server.register(JEAN)
    at = reader if scripts else reader_without_scripts
    page = at.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.ADVISER, "kim"))
    find(page, "Gean Omaly", "Jean O'Malley")
    at.press("Act for this resident")
    act_for(page, "To change the address", "By telephone")
    expect(page.get_by_text("20 minutes left.")).to_be_visible()
    if scripts:
        at.check(page.title().removesuffix(" – Kent Card"))
    assert at.says("What they could have")
    at.press("Change the address")
    live_server.clock.move(timedelta(minutes=4))
    move(at)
    assert at.says("The address is changed")
    expect(page.get_by_text("16 minutes left.")).to_be_visible()
    at.press("End: act for nobody")
    assert at.says("You act for nobody now")
    expect(page.get_by_text("minutes left.")).to_have_count(0)
    at.press("Sign out")
    sign_in_as_resident(at, live_server, JEAN.email)
    page.goto("/account/information")
    row = page.get_by_role("row", name="To act for the resident")
    for words in ("Colleague kim", "To change the address, by telephone", "Changed the address"):
        expect(row).to_contain_text(words)


def test_time_runs_out_in_the_middle_of_a_form_and_nothing_typed_is_lost(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    find(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Change the address")
    reader.check(page.title().removesuffix(" – Kent Card"))
    reader.press("Act for them")
    reader.check(page.title().removesuffix(" – Kent Card"))
    assert reader.says("Select how they are present")
    act_for(page, "To change the address")
    for _step in range(2):
        live_server.clock.move(timedelta(minutes=10))
        other = page.context.new_page()  # the clerk goes on working beside it
        other.goto("/staff/sign-ins")
        expect(other.get_by_role("heading", name="Your sign-ins")).to_be_visible()
        other.close()
    move(reader)
    reader.check("You are not acting for this resident any more")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Act for them again (opens in a new tab)").click()
    act_for(opened.value, "To change the address")
    expect(opened.value.get_by_text("20 minutes left.")).to_be_visible()
    reader.press("I act for them again: send what I typed")
    assert reader.says("The address is changed")


def test_a_card_officer_records_how_a_passport_was_checked_and_the_level_follows(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    find(page, "Jean O'Malley", "Jean O'Malley", "The resident was at the desk")
    assert page.locator("#assurance").inner_text() == "Self-asserted."
    reader.press("Record a document you have seen")
    page.locator("#kind").select_option("passport")
    page.get_by_label("I checked its security features").check()
    page.get_by_label("Yes, face to face, and it is them").check()
    reader.check("Record a document you have seen")
    reader.press("Record the document")
    assert page.locator("#assurance").inner_text() == "Seen at a Gateway."
    assert reader.says("L1B, low confidence")
    reader.press("Sign out")
    sign_in_as_resident(reader, live_server, JEAN.email)
    page.goto("/account/details")
    reader.check("Your details")
    assert reader.says("UK passport: its security features were checked, its photo was compared")


def test_a_supervisor_decides_what_a_colleague_asked_and_records_an_outside_check(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    find(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Correct the name or date of birth")
    act_for(page, "To correct the name or date of birth")
    page.get_by_label("Given names").fill("Jean")
    page.get_by_label("Family name").fill("Weald")
    fill_day(page, "birth_date", "31", "7", "1960")
    page.locator("#document-kind").select_option("passport")
    reader.press("Ask for approval")
    page.get_by_role("link", name="See what they see").click()
    assert reader.says("Correct the name or date of birth, 22 November 2026")
    assert reader.says("Waiting for a decision")
    reader.press("Sign out")
    sign_in(page, live_server, live_server.add_staff(StaffRole.SUPERVISOR, "omar"))
    page.get_by_role("link", name="Requests").click()
    assert reader.says("Asked for by Priya Shah")
    reader.press("Approve")
    assert reader.says("The request is approved, and done")
    find(page, "Weald", "Jean Weald")
    reader.press("Record a check made elsewhere")
    reader.check("Record a check made elsewhere")
    reader.press("Record the check")
    reader.check("Error: Record a check made elsewhere")
    page.get_by_label("Is the identity at risk of fraud?").check()
    page.get_by_label("Score they gave").select_option("2")
    page.get_by_label("Who checked it").fill("Counter-fraud team")
    page.get_by_label("What they did").fill("Asked the national register")
    reader.press("Record the check")
    assert reader.says("The check is recorded")
    assert reader.says("Counter-fraud team: Asked the national register (fraud 2)")


def test_an_auditor_finds_who_acted_for_whom_and_sees_no_name(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    find(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Act for this resident")
    page.get_by_label("More about it (optional)").fill("Her eyesight is failing")
    act_for(page, "Another reason", "By letter")
    reader.press("Sign out")
    sign_in(page, live_server, live_server.add_staff(StaffRole.AUDITOR), "What was done")
    page.get_by_role("link", name="Who acted for residents").click()
    reader.check("Who acted for residents")
    page.get_by_label("How the resident was present (optional)").select_option("letter")
    reader.press("Show")
    assert reader.says("Priya Shah, card-officer")
    assert reader.says("The clerk’s sign-in ended")
    assert not reader.says("Malley")
    assert not reader.says("eyesight")
    page.get_by_label("User name of the member of staff (optional)").fill("nobody")
    reader.press("Show")
    assert reader.says("0 times")
    reader.check("Who acted for residents")


def test_an_administrator_notes_a_clerks_own_account_and_she_cannot_act_for_it(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)

    async def number_of_jean(session: AsyncSession) -> str:
        return (await session.scalars(select(Account.number))).one()

    page = reader.page
    administrator = live_server.add_staff(StaffRole.ADMINISTRATOR)
    sign_in(page, live_server, administrator, "Members of staff")
    page.get_by_label("Account number as a resident of Priya Shah").fill(
        live_server.do(number_of_jean)
    )
    reader.press("Note their own account")
    assert reader.says("They cannot act for themselves")
    reader.check("Members of staff")
    reader.press("Sign out")
    sign_in(page, live_server)
    find(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Act for this resident")
    act_for(page)
    assert reader.says("This is your own account. A colleague must act for you")
