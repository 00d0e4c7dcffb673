"""A resident shows a code on their phone: with scripts, without, and after it was lost."""

from datetime import timedelta

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, expect

from identity.keys import Purpose
from readers.contract.phone_pass import PhonePass, verify
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.wire import VENUE, VENUE_BUNDLE_PATH, SignedBundle
from readers.terminal.bundle import BundleView, open_bundle
from tests.support.browser import Reader
from tests.support.patience import eventually
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
TITLE = "Show a code"
CODE = "Your code for: Library"
RAN_OUT = "This code has run out."


@pytest.fixture
def live(live_server: LiveServer) -> LiveServer:
    """With somebody who holds library membership."""
    live_server.register(JEAN)
    return live_server


def sign_in(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")
    reader.page.goto("/account/phone")


def show(reader: Reader) -> None:
    reader.press("Show a code for: Library")


def text_of(reader: Reader) -> str:
    return reader.page.locator("#text").text_content() or ""


def bundle_of(live: LiveServer) -> BundleView:
    """What anybody gets, held to the key that a venue pins."""
    answer = httpx.get(live.url + VENUE_BUNDLE_PATH, trust_env=False)
    token = msgspec.json.decode(answer.content, type=SignedBundle).token
    key = live.keystore.current(Purpose.BUNDLE_SIGN)
    pinned = {key.wire.decode(): live.keystore.public_key(key).public_bytes_raw()}
    return open_bundle(token, pinned, terminal_id=VENUE)


def read(live: LiveServer, text: str) -> PhonePass:
    return verify(text, bundle_of(live).issuer_keys, now=live.clock())


def listed(live: LiveServer, seen: PhonePass) -> int:
    return bundle_of(live).services[Service.LIBRARY].statuses[seen.record.status_index]


def test_a_code_is_shown_and_the_next_one_is_another(reader: Reader, live: LiveServer) -> None:
    sign_in(reader, live)
    reader.check(TITLE)
    assert not reader.says("If you lose your phone")
    show(reader)
    reader.check(CODE)
    first = read(live, text_of(reader))
    assert first.record.service is Service.LIBRARY
    reader.page.get_by_role("button", name="Show a new code").click()
    expect(reader.page.locator("#text")).not_to_have_text("")
    assert read(live, text_of(reader)).jti != first.jti


def test_a_code_needs_no_script(reader_without_scripts: Reader, live: LiveServer) -> None:
    reader = reader_without_scripts
    sign_in(reader, live)
    show(reader)
    first = read(live, text_of(reader))
    assert reader.says("Good until 10:01:00, and once at each venue.")
    live.clock.move(timedelta(seconds=61))
    reader.page.get_by_role("button", name="Show a new code").click()
    assert reader.says("Good until 10:02:01")
    assert read(live, text_of(reader)).jti != first.jti


def test_a_new_code_comes_by_itself_before_the_old_one_runs_out(
    reader: Reader, live: LiveServer
) -> None:
    page = reader.page
    page.clock.install()
    sign_in(reader, live)
    show(reader)
    first = text_of(reader)
    page.get_by_text("The code as text").click()
    page.clock.run_for(30_000)
    assert text_of(reader) == first
    live.clock.move(timedelta(seconds=46))
    page.clock.run_for(16_000)
    expect(page.locator("#text")).not_to_have_text(first)
    expect(page.locator("#text")).to_be_visible()
    assert read(live, text_of(reader)).jti
    reader.check(CODE)


def test_a_page_that_is_left_open_keeps_nobody_signed_in(reader: Reader, live: LiveServer) -> None:
    page = reader.page
    page.clock.install()
    sign_in(reader, live)
    show(reader)
    for _ in range(10):
        before = text_of(reader)
        page.clock.run_for(46_000)
        expect(page.locator("#text")).not_to_have_text(before)
    asked = len(reader.fetched)
    page.clock.run_for(61_000)
    expect(page.get_by_text(RAN_OUT)).to_be_visible()
    expect(page.locator(".kent-qr")).to_be_hidden()
    assert len(reader.fetched) == asked
    reader.check(CODE)


def test_without_a_network_the_old_code_goes_when_its_minute_is_over(
    reader: Reader, live: LiveServer
) -> None:
    page = reader.page
    page.clock.install()
    sign_in(reader, live)
    show(reader)
    reader.page.context.set_offline(True)
    page.clock.run_for(50_000)
    expect(page.locator(".kent-qr")).to_be_visible()
    page.clock.run_for(11_000)
    expect(page.get_by_text(RAN_OUT)).to_be_visible()
    expect(page.locator(".kent-qr")).to_be_hidden()
    reader.page.context.set_offline(False)
    page.clock.run_for(2_000)
    expect(page.locator(".kent-qr")).to_be_visible()
    eventually(lambda: RAN_OUT not in page.locator("main").inner_text())


def test_the_keyboard_alone_leads_to_a_code(reader: Reader, live: LiveServer) -> None:
    sign_in(reader, live)
    page = reader.page
    page.get_by_role("button", name="Show a code for: Library").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title(f"{CODE} – Kent Card")
    page.get_by_role("button", name="Show a new code").focus()
    page.keyboard.press("Space")
    expect(page).to_have_title(f"{CODE} – Kent Card")


def test_the_code_is_dark_on_white_on_a_dark_phone(browser: Browser, live: LiveServer) -> None:
    reader = Reader(browser, live.url)
    reader.page.emulate_media(color_scheme="dark", forced_colors="active")
    sign_in(reader, live)
    show(reader)
    fills = reader.page.locator(".kent-qr > :not(title)").evaluate_all(
        "parts => parts.map(part => getComputedStyle(part).fill)"
    )
    assert fills == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_lost_phone_shows_no_more_codes(
    browser: Browser, live: LiveServer, *, scripts: bool
) -> None:
    thief = Visitor(live)
    thief.sign_in_as_resident(JEAN.email)
    reader = Reader(browser, live.url, javascript=scripts)
    sign_in(reader, live)
    show(reader)
    seen = read(live, text_of(reader))
    assert listed(live, seen) == Status.VALID
    reader.page.goto("/account/phone")
    reader.press("I lost my phone")
    assert reader.says("Codes from your phone are stopped")
    assert not reader.says("If you lose your phone")
    if scripts:
        reader.check(TITLE)
    assert listed(live, seen) == Status.INVALID
    assert "You have been signed out" in thief.get("/account/phone/library").text
    reader.page.goto("/account/phone/library")
    expect(reader.page).to_have_title(f"{TITLE} – Kent Card")
    show(reader)
    another = read(live, text_of(reader))
    assert listed(live, another) == Status.VALID


@pytest.mark.parametrize("service", ["identity", "leisure", "bogus", "LIBRARY"])
def test_an_address_for_what_is_not_held_shows_no_code(live: LiveServer, service: str) -> None:
    visitor = Visitor(live)
    visitor.sign_in_as_resident(JEAN.email)
    token = visitor.token("/account/phone")
    visitor.post("/account/phone/library", {"csrf_token": token})
    answer = visitor.get(f"/account/phone/{service}")
    if service == "leisure":
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/phone")
    else:
        assert answer.status_code == httpx.codes.NOT_FOUND


def test_the_page_names_nobody_and_says_no_age_and_no_reason(
    reader: Reader, live: LiveServer
) -> None:
    sign_in(reader, live)
    show(reader)
    page = reader.page.content()
    for personal in ("Jean", "O'Malley", "O&#39;Malley", JEAN.postcode, "over-60", "disabled"):
        assert personal not in page
