"""Residents and staff see where they are signed in, and end what they do not know."""

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, Visitor
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
TITLE = "Your sign-ins"


def open_list(reader: Reader) -> None:
    reader.page.get_by_role("link", name="How you sign in").click()
    reader.page.get_by_role("link", name=TITLE).click()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_resident_ends_a_sign_in_they_do_not_know(
    browser: Browser, live_server: LiveServer, *, scripts: bool
) -> None:
    live_server.register(JEAN)
    stranger = Visitor(live_server)
    stranger.sign_in_as_resident(JEAN.email)
    reader = Reader(browser, live_server.url, javascript=scripts)
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Sign in")
    open_list(reader)
    if scripts:
        reader.check(TITLE)
    assert page.locator(".kent-panel").count() == 2
    assert reader.says("Chrome on Linux This one")
    page.get_by_role("button", name="End this sign-in").click()
    assert reader.says("The sign-in has ended")
    assert page.locator(".kent-panel").count() == 1
    assert "You have been signed out" in stranger.get("/account").text
    assert RESIDENT_COOKIE not in stranger.cookies


def test_a_member_of_staff_ends_every_other_sign_in(
    reader: Reader, live_server: LiveServer
) -> None:
    others = [Visitor(live_server) for _ in range(2)]
    for other in others:
        other.sign_in_as_staff()
    sign_in(reader.page, live_server)
    reader.page.get_by_role("link", name=TITLE).click()
    reader.check(TITLE)
    reader.press("End every other sign-in")
    assert reader.says("Every other sign-in has ended")
    expect(reader.page.locator(".kent-panel")).to_have_count(1)
    for other in others:
        assert "You have been signed out" in other.get("/staff").text


def test_nobody_ends_the_sign_in_of_somebody_else(live_server: LiveServer) -> None:
    live_server.register(JEAN)
    resident, clerk = Visitor(live_server), Visitor(live_server)
    resident.sign_in_as_resident(JEAN.email)
    clerk.sign_in_as_staff()
    own = resident.signed_in_id(RESIDENT_COOKIE)
    token = clerk.token("/staff")
    clerk.post(f"/staff/sign-ins/{own}/end", {"csrf_token": token})
    assert "Your Kent Card" in resident.get("/account").text
    assert resident.get("/account").status_code == 200
