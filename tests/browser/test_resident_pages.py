"""A resident in the browser."""

import msgspec
import pytest
from playwright.sync_api import expect

from tests.support.browser import Reader
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def ask_for_code(reader: Reader, email: str) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(email)
    reader.press("Send me a code")


def enter(reader: Reader, code: str) -> None:
    reader.page.get_by_label("Code").fill(code)
    reader.press("Sign in")


def test_every_page_of_a_resident_is_fit_to_be_used(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    page.goto("/sign-in")
    reader.check("Sign in to your Kent Card account")
    reader.press("Send me a code")
    reader.check("Error: Sign in to your Kent Card account")
    ask_for_code(reader, JEAN.email)
    reader.check("Enter your code")
    reader.press("Sign in")
    reader.check("Error: Enter your code")
    enter(reader, live_server.newest_code())
    reader.check("Your Kent Card")
    for name in ("Your taps", "Your details", "How you sign in", "Your information"):
        page.get_by_role("link", name=name).click()
        reader.check(name)
    reader.press("Sign out")
    page.goto("/account")
    reader.check("Sign in to your Kent Card account")


def test_the_own_page_says_what_is_held_why_not_and_from_when(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    reader = reader_without_scripts
    ask_for_code(reader, "  JEAN@Example.com ")
    enter(reader, live_server.newest_code())
    page = reader.page
    assert page.locator("#library-standing").inner_text() == "Held"
    assert page.locator("#travel-older-standing").inner_text() == "Not yet"
    assert reader.says("From 30 November 2026, if nothing else changes. There is no need to apply.")
    page.locator("#travel-older summary").click()
    assert reader.says("You reach the qualifying age on 30 November 2026.")
    assert page.locator("#travel-disabled-standing").inner_text() == "Proof needed"
    assert page.get_by_text("not a statutory bus pass").count() == 1, "said once"
    assert reader.says("You do not have a card yet")
    page.goto("/account/information")
    assert reader.says("Nobody has looked at this record.")


def test_an_unknown_address_is_answered_like_a_known_one(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    answers = []
    for email in (JEAN.email, "nobody@example.com"):
        ask_for_code(reader, email)
        words = reader.page.locator("main").inner_text()
        answers.append(words.replace(email, "X"))
    assert answers[0] == answers[1]


def test_a_wrong_code_is_refused_and_a_new_one_can_be_asked_for(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    ask_for_code(reader, JEAN.email)
    wrong = "1111 1111" if live_server.newest_code() != "1111 1111" else "2222 2222"
    enter(reader, wrong)
    assert reader.says("The code is wrong. Check the newest message we sent you")
    expect(reader.page.get_by_label("Code")).to_have_value(wrong)
    reader.page.get_by_role("link", name="Ask for another code").click()
    ask_for_code(reader, JEAN.email)
    enter(reader, live_server.newest_code())
    reader.check("Your Kent Card")


def test_two_residents_each_see_their_own_record_and_who_looked(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    ann = msgspec.structs.replace(JEAN, given_names="Ann", email="ann@example.com")
    live_server.register(ann)
    for person in (JEAN, ann):
        reader.page.context.clear_cookies()
        ask_for_code(reader, person.email)
        enter(reader, live_server.newest_code())
        reader.page.goto("/account/details")
        assert reader.says(f"{person.given_names} O'Malley")
        other = "Ann" if person is JEAN else "Jean"
        assert not reader.says(other)
