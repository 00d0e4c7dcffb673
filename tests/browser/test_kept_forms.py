"""Whoever is signed out in the middle of a form loses nothing they typed."""

from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser import Reader
from tests.support.clerk import fill_registration, sign_in
from tests.support.people import JEAN
from tests.support.visitor import STAFF_COOKIE, Visitor
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
SIGNED_OUT = "You have been signed out"
SAME = {"sec-fetch-site": "same-origin"}


@pytest.mark.parametrize("scripts", [True, False])
def test_a_registration_is_sent_after_signing_in_again_in_another_tab(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    at = reader if scripts else reader_without_scripts
    page = at.page
    sign_in(page, live_server)
    page.goto("/staff/residents/new")
    fill_registration(page)
    live_server.clock.move(timedelta(minutes=20))
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page).to_have_title(f"{SIGNED_OUT} – Kent Card")
    if scripts:
        at.check(SIGNED_OUT)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again (opens in a new tab)").click()
    sign_in(opened.value, live_server)
    page.get_by_role("button", name="I have signed in: send what I typed").click()
    if scripts:
        at.check("Send what you typed")
    page.get_by_role("button", name="Send what I typed").click()
    assert at.says("The resident is registered")
    assert at.says("Rosa Marsh")


def test_sending_before_signing_in_loses_nothing_either(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    sign_in(page, live_server)
    page.goto("/staff/residents/new")
    fill_registration(page)
    live_server.clock.move(timedelta(minutes=20))
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_role("button", name="I have signed in").click()
    expect(page).to_have_title(f"{SIGNED_OUT} – Kent Card")
    kept = page.locator("textarea[name=given_names]")
    assert kept.input_value() == "Rosa"


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-fetch-site": "cross-site"}, SAME | {"origin": "https://evil.example"}],
)
def test_nothing_is_kept_of_a_form_that_may_be_another_sites(
    live_server: LiveServer, headers: dict[str, str]
) -> None:
    visitor = Visitor(live_server)
    typed = {"query": "planted words", "reason": "at-desk", "csrf_token": "x"}
    visitor.cookies[STAFF_COOKIE] = "ended"
    answer = visitor.post("/staff/search", typed, headers)
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "planted words" not in answer.text
    visitor = Visitor(live_server)
    visitor.sign_in_as_staff()
    answer = visitor.post("/staff/search", typed, headers)
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "planted words" not in answer.text


def test_no_password_code_or_token_is_kept_and_markup_stays_text(live_server: LiveServer) -> None:
    live_server.register(JEAN)
    visitor = Visitor(live_server)
    visitor.sign_in_as_staff()
    typed = {
        "query": "</textarea><script>x",
        "password": "secret one",
        "code": "secret two",
        "credential": "secret three",
        "csrf_token": "secret four",
    }
    answer = visitor.post("/staff/search?x=1&y=<2>", typed, SAME)
    assert "Send what you typed" in answer.text
    assert "&lt;/textarea&gt;&lt;script&gt;x" in answer.text
    assert "</textarea><script>" not in answer.text
    assert "secret" not in answer.text
