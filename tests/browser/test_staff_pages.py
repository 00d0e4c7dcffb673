"""Members of staff in the browser."""

from datetime import timedelta

import msgspec
import pytest
from playwright.sync_api import expect

from tests.support.browser import Reader
from tests.support.clerk import fill_registration, open_record, sign_in
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import JEAN
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer

pytestmark = pytest.mark.browser


def test_the_first_page_says_what_it_is(reader: Reader) -> None:
    reader.page.goto("/")
    reader.check("One account and one card for every resident of Kent")
    assert reader.says("not a statutory bus pass")


def test_signing_in_keeps_the_user_name_and_never_the_password(reader: Reader) -> None:
    page = reader.page
    page.goto("/staff")
    reader.check("Sign in as a member of staff")
    reader.press("Sign in")
    reader.check("Error: Sign in as a member of staff")
    page.get_by_role("link", name="Enter your user name").click()
    expect(page.get_by_label("User name")).to_be_focused()
    page.get_by_label("User name").fill(CLERK_USER)
    page.get_by_role("textbox", name="Password").fill("wrong")
    reader.press("Sign in")
    assert reader.says("The user name or password is wrong")
    expect(page.get_by_label("User name")).to_have_value(CLERK_USER)
    expect(page.get_by_role("textbox", name="Password")).to_have_value("")


def test_a_whole_registration_works_without_scripts(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    reader = reader_without_scripts
    page = reader.page
    sign_in(page, live_server)
    page.get_by_role("link", name="Register a resident").click()
    fill_registration(page)
    page.get_by_role("button", name="Register", exact=True).click()
    assert reader.says("The resident is registered")
    assert reader.says("Rosa Marsh")
    assert page.locator("#library-standing").inner_text() == "Held"
    assert page.locator("#travel-older-standing").inner_text() == "Not yet"
    assert reader.says("From 30 November 2026, if nothing else changes.")
    assert reader.says("not a statutory bus pass")
    assert reader.says("The resident was being registered")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/staff/residents/new")
    expect(page).to_have_title("Sign in as a member of staff – Kent Card")


def test_a_resident_is_found_and_read_with_the_keyboard_alone(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    keys = page.keyboard
    page.goto("/staff/sign-in")
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    keys.press("Enter")
    keys.press("Tab")
    expect(page.get_by_label("User name")).to_be_focused()
    keys.type(CLERK_USER)
    keys.press("Tab")
    keys.type(CLERK_PASSWORD)
    keys.press("Enter")
    page.get_by_label("Code of 6 digits").focus()
    keys.type(live_server.app_code())
    keys.press("Enter")
    expect(page).to_have_title("Find a resident – Kent Card")
    keys.press("Tab")
    keys.press("Enter")  # skip to the main content
    keys.press("Tab")
    keys.type("me141xq")
    keys.press("Tab")
    keys.press("Space")  # the first reason
    keys.press("Enter")
    expect(page.get_by_role("heading", name="1 resident found")).to_be_visible()
    page.get_by_role("link", name="Jean O'Malley").focus()
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Jean O'Malley")).to_be_visible()


def test_every_staff_page_is_fit_to_be_used(reader: Reader, live_server: LiveServer) -> None:
    account = live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    reader.check("Find a resident")
    reader.press("Search")
    reader.check("Error: Find a resident")
    open_record(page, "O’Malley", "Jean O'Malley")
    number = page.locator(".govuk-caption-l").inner_text()
    reader.check(number)
    page.goto(f"/staff/residents/{account}")
    reader.check("Why do you need to see this record?")
    page.get_by_label("The resident was on the phone").check()
    reader.press("Continue")
    reader.check(number)
    page.get_by_role("button", name="Record a document you have seen").click()
    reader.check("Record a document you have seen")
    reader.press("Record the document")
    reader.check("Error: Record a document you have seen")
    page.get_by_role("link", name="Register a resident").click()
    reader.check("Register a resident")
    page.goto("/staff/residents/nobody")
    reader.check("Page not found")


def test_a_document_seen_brings_the_travel_pass(reader: Reader, live_server: LiveServer) -> None:
    live_server.register(JEAN)
    page = reader.page
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    assert page.locator("#travel-disabled-standing").inner_text() == "Proof needed"
    page.get_by_role("button", name="Record a document you have seen").click()
    page.locator("#kind").select_option("disability-a-sight")
    for part, value in (("day", "2"), ("month", "11"), ("year", "2026")):
        page.locator(f"[name='dated_on-{part}']").fill(value)
    reader.press("Record the document")
    assert reader.says("The document is recorded")
    assert page.locator("#travel-disabled-standing").inner_text() == "Held"


def test_a_card_is_ordered_lost_found_and_replaced(reader: Reader, live_server: LiveServer) -> None:
    account = live_server.register(JEAN)
    live_server.do(lambda session: enrolled_desk(session, "Card office", now=live_server.clock()))
    page = reader.page
    sign_in(page, live_server)
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    reader.press("Order a card")
    assert reader.says("Select the desk where the card will be made")
    page.get_by_label("Order a card at").select_option(label="Card office")
    reader.press("Order a card")
    assert reader.says("The card is ordered")
    assert reader.says("Waiting to be made")
    reader.press("Cancel the order")
    assert reader.says("Not completed")
    page.get_by_label("Order a card at").select_option(label="Card office")
    reader.press("Order a card")
    live_server.do(
        lambda session: make_ordered_card(
            session, live_server.vault, account, now=live_server.clock()
        )
    )
    page.reload()
    assert reader.says("In use")
    reader.press("Write this card again")
    assert reader.says("Something new waits for this card")
    assert reader.says("Owed at its next tap on a reader that is online:")
    assert reader.says("Add Kent Card")
    reader.press("Report this card lost")
    assert reader.says("Readers will refuse it")
    reader.press("This card was found")
    assert reader.says("The card can be used again")
    page.get_by_label("Replace this card at").select_option(label="Card office")
    reader.press("Replace this card")
    assert reader.says("A new card is ordered")
    assert reader.says("Replaced")
    reader.check(page.locator(".govuk-caption-l").inner_text())


def test_a_desk_that_is_busy_is_said_and_the_old_card_is_not_given_up(
    reader: Reader, live_server: LiveServer
) -> None:
    jean = live_server.register(JEAN)
    other = msgspec.structs.replace(JEAN, given_names="Ann", email="ann@example.com")
    live_server.register(other)
    now = live_server.clock()
    live_server.do(lambda session: enrolled_desk(session, "Card office", now=now))
    page = reader.page
    sign_in(page, live_server)
    for name in ("Jean O'Malley", "Ann O'Malley"):
        open_record(page, name, name)
        page.get_by_label("Order a card at").select_option(label="Card office")
        reader.press("Order a card")
        if name.startswith("Jean"):
            live_server.do(
                lambda session: make_ordered_card(session, live_server.vault, jean, now=now)
            )
    open_record(page, "Jean O'Malley", "Jean O'Malley")
    page.get_by_label("Replace this card at").select_option(label="Card office")
    reader.press("Replace this card")
    assert reader.says("Another card waits to be made at this desk")
    assert reader.says("In use")


def test_a_sign_in_left_alone_ends_and_says_so(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    sign_in(page, live_server)
    live_server.clock.move(timedelta(minutes=16))
    page.reload()
    reader.check("You have been signed out")
    page.get_by_role("link", name="Sign in again").click()
    sign_in(page, live_server)
