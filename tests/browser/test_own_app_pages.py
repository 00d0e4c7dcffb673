"""A resident sets an authenticator app up in the browser, signs in with it, and loses it."""

from datetime import timedelta

import pyotp
import pytest
from playwright.sync_api import expect

from identity.lost_factor import WAIT
from identity.sessions import PROOF_LIFE
from tests.support.browser import Reader
from tests.support.clerk import open_record
from tests.support.clerk import sign_in as sign_in_as_staff
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
APP = "Your authenticator app"
SET_UP = "Set up an authenticator app"
CODES = "Save your recovery codes"
ENTER = "Enter the code from your app"
LOST = "If you have lost your app and your recovery codes"
CONFIRM = "Confirm it is you"
ACCOUNT = "Your Kent Card"
SHORT = "oxbow7river"


def ask_for_code(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")


def enter(reader: Reader, code: str, button: str = "Sign in") -> None:
    reader.page.get_by_label("Code from your app").fill(code)
    reader.press(button)


def titled(reader: Reader, title: str) -> None:
    expect(reader.page).to_have_title(f"{title} – Kent Card")


def set_app_up(reader: Reader, live: LiveServer, *, check: bool = True) -> tuple[str, list[str]]:
    """Set an app up from the account's page; answers its key and the recovery codes."""
    reader.page.goto("/account/security")
    reader.page.get_by_role("link", name=APP, exact=True).click()
    titled(reader, APP)
    if check:
        reader.check(APP)
    reader.page.get_by_role("button", name="Set up an app").click()
    titled(reader, SET_UP)
    if check:
        reader.check(SET_UP)
    key = reader.page.locator("#secret").inner_text().replace(" ", "")
    reader.page.get_by_label("Code of 6 digits").fill("000000")
    reader.press("Continue")
    assert reader.says("The code is wrong or was used before")
    assert reader.page.locator("#secret").inner_text().replace(" ", "") == key
    reader.page.get_by_label("Code of 6 digits").fill(pyotp.TOTP(key).at(live.clock()))
    reader.press("Continue")
    titled(reader, CODES)
    if check:
        reader.check(CODES)
    codes = reader.page.locator("#codes").inner_text().split()
    reader.press("I have saved my recovery codes")
    titled(reader, APP)
    return key, codes


@pytest.mark.parametrize("scripts", [True, False])
def test_an_app_is_set_up_asked_for_and_removed(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    live_server.register(JEAN)
    at = reader if scripts else reader_without_scripts
    ask_for_code(at, live_server)
    key, codes = set_app_up(at, live_server, check=scripts)
    assert at.says("Unused recovery codes: 10.")
    if scripts:
        at.check(APP)
    at.page.goto("/account/password")
    assert at.says("8 characters or more")
    at.page.get_by_role("textbox", name="New password").fill(SHORT)
    at.press("Save password")
    at.press("Sign out")
    at.page.goto("/sign-in/password")
    at.page.get_by_label("E-mail address").fill(JEAN.email)
    at.page.get_by_role("textbox", name="Password").fill(SHORT)
    at.press("Sign in")
    titled(at, ENTER)
    if scripts:
        at.check(ENTER)
    enter(at, "000000")
    assert at.says("The code is wrong or was used before")
    if scripts:
        at.check(f"Error: {ENTER}")
    live_server.clock.move(timedelta(seconds=30))
    enter(at, pyotp.TOTP(key).at(live_server.clock()))
    titled(at, ACCOUNT)
    at.press("Sign out")
    ask_for_code(at, live_server)
    enter(at, codes[0])
    titled(at, ACCOUNT)
    at.page.goto("/account/app")
    assert at.says("Unused recovery codes: 9.")
    at.press("Make new recovery codes")
    assert codes[1] not in at.page.locator("#codes").inner_text()
    at.press("I have saved my recovery codes")
    live_server.clock.move(PROOF_LIFE)
    at.press("Remove the app")
    titled(at, CONFIRM)
    if scripts:
        at.check(CONFIRM)
    assert not at.page.get_by_role("button", name="Send me a code").count()
    enter(at, pyotp.TOTP(key).at(live_server.clock()), "Continue")
    titled(at, APP)
    at.press("Remove the app")
    assert at.says("The app was removed. No code of it is asked for any more")
    at.press("Sign out")
    ask_for_code(at, live_server)
    titled(at, ACCOUNT)


def test_who_lost_app_and_codes_is_told_what_to_do_and_let_in_after_the_notice(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    ask_for_code(reader, live_server)
    set_app_up(reader, live_server, check=False)
    reader.press("Sign out")
    ask_for_code(reader, live_server)
    titled(reader, ENTER)
    reader.page.get_by_role("link", name="I have neither my app nor a recovery code").click()
    titled(reader, LOST)
    reader.check(LOST)
    reader.press("Ask to sign in without the app")
    reader.check(LOST)
    assert reader.says("You can sign in with a code by e-mail from 25 November 2026")
    ask_for_code(reader, live_server)
    titled(reader, ENTER)
    live_server.clock.move(WAIT)
    ask_for_code(reader, live_server)
    titled(reader, ACCOUNT)


def test_a_page_for_the_lost_is_open_to_everybody_and_asks_for_an_email_code_first(
    reader: Reader, live_server: LiveServer
) -> None:
    reader.page.goto("/sign-in/app/lost")
    reader.check(LOST)
    assert reader.says("To ask, sign in with a code by e-mail first.")
    reader.page.goto("/sign-in/app")
    titled(reader, "Sign in to your Kent Card account")
    assert live_server.url


def test_at_a_desk_the_app_is_removed_on_a_document(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    ask_for_code(reader, live_server)
    set_app_up(reader, live_server, check=False)
    reader.press("Sign out")
    sign_in_as_staff(reader.page, live_server)
    open_record(reader.page, "O'Malley", "Jean O'Malley")
    reader.page.get_by_role("button", name="The resident lost their authenticator app").click()
    reader.check("Remove a lost authenticator app")
    reader.press("Remove the app")
    reader.check("Error: Remove a lost authenticator app")
    reader.page.locator("#kind").select_option(label="UK passport")
    live_server.clock.move(PROOF_LIFE)
    reader.press("Remove the app")
    titled(reader, CONFIRM)
    assert reader.says("What you typed is still here")
    reader.check(CONFIRM)
    with reader.page.expect_popup() as opened:
        reader.page.get_by_role("link", name="Confirm it is you (opens in a new tab)").click()
    tab = opened.value
    tab.get_by_label("Code from your app").fill(live_server.app_code())
    tab.get_by_role("button", name="Continue").click()
    expect(tab).to_have_title("Find a resident – Kent Card")
    reader.press("I have confirmed it: send what I typed")
    reader.press("Send what I typed")
    assert reader.says("The app was removed. The resident signs in without it and was told")
    ask_for_code(reader, live_server)
    titled(reader, ACCOUNT)
