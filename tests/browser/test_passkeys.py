"""A resident adds a passkey and signs in with it, in Chromium with a virtual authenticator."""

from datetime import timedelta

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from identity.passkeys import CHALLENGE_LIFE
from identity.sessions import PROOF_LIFE
from tests.support.browser import Reader
from tests.support.people import JEAN
from tests.support.virtual_phone import Authenticator
from tests.support.visitor import RESIDENT_COOKIE, Visitor
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
CONFIRM = "Confirm it is you"
SIGN_IN = "Sign in to your Kent Card account"


def sign_in_by_code(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")


def open_passkeys(reader: Reader) -> None:
    for name in ("How you sign in", "Your passkeys"):
        reader.page.get_by_role("link", name=name).click()


def add_passkey(reader: Reader) -> None:
    open_passkeys(reader)
    reader.press("Add a passkey")
    expect(reader.page.get_by_text("You can sign in with the passkey from now on")).to_be_visible()


def sign_in_by_passkey(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()


def test_a_passkey_is_added_used_and_removed(reader: Reader, live_server: LiveServer) -> None:
    live_server.register(JEAN)
    page = reader.page
    Authenticator(page)
    sign_in_by_code(reader, live_server)
    page.goto("/account/passkeys")
    reader.check("Your passkeys")
    add_passkey(reader)
    reader.check("Your passkeys")
    page.get_by_role("link", name="end every other sign-in").click()
    reader.check("Your sign-ins")
    reader.press("Sign out")
    reader.check(SIGN_IN)
    sign_in_by_passkey(page)
    expect(page).to_have_title("Your Kent Card – Kent Card")
    assert reader.says("Jean O'Malley")
    page.goto("/account/passkeys")
    assert reader.says("Last used on 22 November 2026 at 10:00am")
    page.get_by_role("button", name="Remove").click()
    assert reader.says("The passkey does not open your account any more")
    assert reader.says("You have no passkey yet.")
    reader.press("Sign out")
    sign_in_by_passkey(page)
    expect(page).to_have_title(f"Error: {SIGN_IN} – Kent Card")
    reader.check(f"Error: {SIGN_IN}")
    assert not reader.complaints


def test_who_adds_a_mobile_is_told_what_is_safer(reader: Reader, live_server: LiveServer) -> None:
    live_server.register(JEAN)
    sign_in_by_code(reader, live_server)
    reader.page.goto("/account/mobile")
    reader.check("Add your mobile number")
    assert reader.says("Whoever takes over your number gets its codes too.")
    for name, title in (
        ("A passkey", "Your passkeys"),
        ("an authenticator app", "Your authenticator app"),
    ):
        reader.page.goto("/account/mobile")
        reader.page.get_by_role("link", name=name).click()
        reader.check(title)


def test_a_passkey_that_does_not_know_its_owner_signs_nobody_in(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    phone = Authenticator(reader.page)
    sign_in_by_code(reader, live_server)
    add_passkey(reader)
    reader.press("Sign out")
    phone.knows_its_owner(known=False)
    sign_in_by_passkey(reader.page)
    expect(reader.page.get_by_text("No passkey was shown. Try again")).to_be_visible()
    reader.page.goto("/account")
    expect(reader.page).to_have_title(f"{SIGN_IN} – Kent Card")


def test_an_answer_is_taken_once_and_not_when_it_is_old(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    Authenticator(page)
    sign_in_by_code(reader, live_server)
    add_passkey(reader)
    reader.press("Sign out")
    caught: list[str] = []
    page.on(
        "request",
        lambda sent: (
            caught.append(sent.post_data or "") if sent.url.endswith("/sign-in/passkey") else None
        ),
    )
    sign_in_by_passkey(page)
    expect(page).to_have_title("Your Kent Card – Kent Card")
    reader.press("Sign out")
    credential = dict(part.split("=", 1) for part in caught[0].split("&"))["credential"]
    thief = Visitor(live_server)
    token = thief.token("/sign-in")
    body = f"csrf_token={token}&credential={credential}".encode()
    answer = thief.raw("/sign-in/passkey", body, "application/x-www-form-urlencoded")
    assert answer.headers["location"] == "/sign-in?passkey=refused"
    assert RESIDENT_COOKIE not in thief.cookies
    page.goto("/sign-in")
    live_server.clock.move(CHALLENGE_LIFE + timedelta(seconds=1))
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_title(f"Error: {SIGN_IN} – Kent Card")


@pytest.mark.parametrize("credential", ["", "{}", "[]", "null", "{", '{"id":1}', "x" * 30_000])
def test_what_is_no_passkey_is_refused(live_server: LiveServer, credential: str) -> None:
    visitor = Visitor(live_server)
    typed = {"csrf_token": visitor.token("/sign-in"), "credential": credential}
    answer = visitor.post("/sign-in/passkey", typed)
    assert answer.headers["location"] == "/sign-in?passkey=refused"


def test_without_scripts_nothing_is_offered_that_cannot_work(
    browser: Browser, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    reader = Reader(browser, live_server.url, javascript=False)
    reader.page.goto("/sign-in")
    expect(reader.page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in_by_code(reader, live_server)
    open_passkeys(reader)
    expect(reader.page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    assert reader.says("Without it, or without a passkey, sign in with a code")


def test_nobody_removes_a_passkey_of_somebody_else(reader: Reader, live_server: LiveServer) -> None:
    live_server.register(JEAN)
    Authenticator(reader.page)
    sign_in_by_code(reader, live_server)
    add_passkey(reader)
    action = reader.page.locator("form[action$='/remove']").get_attribute("action")
    assert action
    ann = msgspec.structs.replace(JEAN, given_names="Ann", email="ann@example.com")
    live_server.register(ann)
    stranger = Visitor(live_server)
    stranger.sign_in_as_resident(ann.email)
    stranger.post(action, {"csrf_token": stranger.token("/account")})
    reader.page.reload()
    assert reader.page.locator("form[action$='/remove']").count() == 1


def test_after_five_minutes_passkeys_are_changed_only_by_somebody_who_shows_again_who_they_are(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    Authenticator(page)
    sign_in_by_code(reader, live_server)
    before = token_of(page)
    live_server.clock.move(PROOF_LIFE)
    open_passkeys(reader)
    reader.check(CONFIRM)
    reader.press("Send me a code")
    reader.check("Enter your code")
    page.get_by_label("Code").fill("0000 0000")
    reader.press("Continue")
    reader.check("Error: Enter your code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Continue")
    reader.check("Your passkeys")
    assert token_of(page) != before
    add_passkey(reader)
    live_server.clock.move(PROOF_LIFE)
    page.get_by_role("button", name="Remove").click()
    expect(page).to_have_title(f"{CONFIRM} – Kent Card")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_title("Your passkeys – Kent Card")
    page.get_by_role("button", name="Remove").click()
    assert reader.says("You have no passkey yet.")


def test_a_code_or_passkey_of_somebody_else_proves_nothing(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    page = reader.page
    Authenticator(page)
    sign_in_by_code(reader, live_server)
    add_passkey(reader)
    reader.press("Sign out")
    ann = msgspec.structs.replace(JEAN, given_names="Ann", email="ann@example.com")
    live_server.register(ann)
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(ann.email)
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Sign in")
    live_server.clock.move(PROOF_LIFE)
    page.goto("/account/passkeys")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_title(f"Error: {CONFIRM} – Kent Card")
    page.goto("/account/passkeys")
    expect(page).to_have_title(f"{CONFIRM} – Kent Card")


def token_of(page: Page) -> str:
    cookies = page.context.cookies()
    return next(str(each["value"]) for each in cookies if each["name"] == RESIDENT_COOKIE)
