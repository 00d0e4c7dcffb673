"""Somebody registers in the browser, with and without scripts, and adds a passkey."""

import pytest
from playwright.sync_api import expect

from identity.contacts import CodeUse
from identity.registrations import IDLE
from tests.support.browser import Reader
from tests.support.newcomer import (
    MINA,
    add_passkey,
    begin,
    give_address,
    give_birth_date,
    give_name,
)
from tests.support.people import JEAN
from tests.support.virtual_phone import Authenticator
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def test_a_resident_registers_with_a_passkey_and_signs_in_with_it(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    Authenticator(page)
    page.goto("/register")
    reader.check("Register for a Kent Card account")
    begin(reader, live_server)
    reader.check("What is your name?")
    give_name(reader)
    reader.check("When were you born?")
    give_birth_date(reader, "29", "2", "2000")
    reader.check("Where do you live?")
    give_address(reader)
    reader.check("What is your mobile number? (optional)")
    assert reader.says("Whoever takes over your number gets its codes too.")
    page.get_by_label("UK mobile number").fill("07400 123456")
    reader.press("Continue")
    reader.check("Check your phone")
    page.get_by_label("Code").fill(live_server.newest_code(CodeUse.PROVE))
    reader.press("Continue")
    reader.check("Check your answers")
    assert reader.says("Mina Weald")
    assert reader.says("29 February 2000")
    assert reader.says("07400 123456")
    reader.press("Create my account")
    reader.check("Your account is made")
    add_passkey(reader)
    reader.press("Sign out")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_title("Your Kent Card – Kent Card")
    assert reader.says("Mina Weald")
    page.goto("/account/details")
    reader.check("Your details")
    assert reader.says("ME14 1XQ")
    assert reader.says("07400 123456")


def test_what_nobody_has_seen_a_document_for_gives_nobody_anything(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    at = reader_without_scripts
    begin(at, live_server)
    give_name(at)
    give_birth_date(at, "31", "7", "1950")
    give_address(at)
    at.press("Continue")
    at.press("Create my account")
    at.page.get_by_role("link", name="Go to your account").click()
    tags = at.page.locator("[id$=-standing]").all_inner_texts()
    assert set(tags) <= {"More to be known", "Proof needed"}
    assert at.says("What we need")


def test_after_a_pause_nothing_typed_is_lost_and_nothing_is_shown_before_a_new_code(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    at = reader_without_scripts
    begin(at, live_server)
    give_name(at)
    give_birth_date(at, "1", "3", "1980")
    at.page.get_by_label("Address line 1").fill("3 Example Street")
    at.page.get_by_label("Town or city").fill("Maidstone")
    at.page.get_by_label("Postcode").fill("ME14 1XQ")
    live_server.clock.move(IDLE)
    at.press("Continue")
    expect(at.page).to_have_title("Confirm your e-mail address again – Kent Card")
    at.page.goto("/register/name")
    expect(at.page).to_have_title("Confirm your e-mail address again – Kent Card")
    at.press("Send me a code")
    at.page.get_by_label("Code").fill(live_server.newest_code())
    at.press("Continue")
    assert at.page.get_by_label("Given names").input_value() == "Mina"
    at.press("Continue")
    expect(at.page).to_have_title("What is your mobile number? (optional) – Kent Card")
    at.press("Continue")
    assert at.says("3 Example Street")
    assert at.says("1 March 1980")


def test_back_and_change_keep_every_answer(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    begin(reader, live_server)
    give_name(reader)
    give_birth_date(reader, "1", "3", "1980")
    page.go_back()
    assert page.get_by_label("Year").input_value() == "1980"
    page.get_by_role("link", name="Back").click()
    assert page.get_by_label("Family name").input_value() == "Weald"
    reader.press("Continue")
    give_address(reader)
    reader.press("Continue")
    page.get_by_role("link", name="Change your name").click()
    give_name(reader, "Mina", "O'Weald")
    reader.check("Check your answers")
    assert reader.says("Mina O'Weald")
    reader.press("Create my account")
    expect(page).to_have_title("Your account is made – Kent Card")
    page.go_back()
    page.reload()
    expect(page).to_have_title("Your Kent Card – Kent Card")


def test_somebody_young_is_told_kindly_who_can_register_them(
    reader: Reader, live_server: LiveServer
) -> None:
    begin(reader, live_server)
    give_name(reader)
    give_birth_date(reader, "23", "11", "2010")
    reader.check("A parent or guardian can register you")
    reader.page.goto("/register/check")
    reader.check("A parent or guardian can register you")
    reader.page.get_by_role("link", name="I typed the wrong date of birth").click()
    give_birth_date(reader, "22", "11", "2010")
    reader.check("Where do you live?")


def test_an_address_we_know_signs_its_owner_in_once_the_code_is_entered(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    begin(reader, live_server, JEAN.email)
    reader.check("Your Kent Card")
    assert reader.says("Jean O'Malley")


def test_an_address_nobody_has_can_register_from_the_sign_in_page(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(MINA)
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Sign in")
    reader.check("No account has this e-mail address")
    page.get_by_role("button", name="Register for an account").click()
    reader.check("What is your name?")
