"""What stays in a browser that somebody else uses next: nothing of the resident."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import Reader
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def test_the_back_button_shows_nothing_after_signing_out(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Sign in")
    page.get_by_role("link", name="How you sign in").click()
    page.goto("/account/details")
    expect(page.get_by_text("O'Malley").first).to_be_visible()
    reader.press("Sign out")
    for _ in range(3):
        page.go_back()
        expect(page.get_by_text("O'Malley")).to_have_count(0)


def test_pages_keep_nothing_in_the_browsers_storage(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Sign in")
    for path in ("/account", "/account/details", "/account/passkeys", "/account/sign-ins"):
        page.goto(path)
        assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
        assert page.evaluate("document.cookie") == ""
    kept = {cookie["name"] for cookie in page.context.cookies()}
    assert kept == {"__Host-kentcard-resident", "__Host-kentcard-device", "__Host-kentcard-form"}
