"""A resident chooses a password in the browser and signs in with it."""

import msgspec
import pytest
from playwright.sync_api import expect

from identity.sessions import PROOF_LIFE
from tests.support.browser import Reader
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
PASSWORD = "turnip lantern oxbow river"
SIGN_IN = "Sign in with your password"
CHOOSE = "Choose a password"


def give(reader: Reader, email: str, password: str) -> None:
    reader.page.goto("/sign-in/password")
    reader.page.get_by_label("E-mail address").fill(email)
    reader.page.get_by_role("textbox", name="Password").fill(password)
    reader.press("Sign in")


def sign_in_by_code(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_password_is_chosen_and_used(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    live_server.register(JEAN)
    at = reader if scripts else reader_without_scripts
    page = at.page
    sign_in_by_code(at, live_server)
    live_server.clock.move(PROOF_LIFE)
    for name in ("How you sign in", CHOOSE):
        page.get_by_role("link", name=name).click()
    at.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    at.press("Continue")
    expect(page).to_have_title(f"{CHOOSE} – Kent Card")
    if scripts:
        at.check(CHOOSE)
    page.get_by_role("textbox", name="New password").fill("too short")
    at.press("Save password")
    assert at.says("The password must have 15 characters or more")
    if scripts:
        at.check(f"Error: {CHOOSE}")
    page.get_by_role("textbox", name="New password").fill(PASSWORD)
    at.press("Save password")
    assert at.says("You can sign in with your password from now on")
    at.press("Sign out")
    page.get_by_role("link", name="Sign in with a password").click()
    if scripts:
        at.check(SIGN_IN)
    give(at, JEAN.email, PASSWORD)
    expect(page).to_have_title("Your Kent Card – Kent Card")


def test_known_and_unknown_addresses_are_answered_in_the_same_words(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    said = []
    for email in (JEAN.email, "nobody@example.com"):
        give(reader, email, PASSWORD)
        reader.check(f"Error: {SIGN_IN}")
        expect(reader.page.get_by_label("E-mail address")).to_have_value(email)
        expect(reader.page.get_by_role("textbox", name="Password")).to_have_value("")
        said.append(reader.page.locator("main").inner_text())
    assert said[0] == said[1]
    assert "The e-mail address or password is wrong." in said[0]


def test_many_wrong_passwords_are_slowed_down_and_a_code_still_works(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.register(JEAN)
    stranger = Visitor(live_server)
    token = stranger.token("/sign-in/password")
    typed = {"email": JEAN.email, "password": "wrong", "csrf_token": token}
    said = [stranger.post("/sign-in/password", typed).text for _ in range(7)]
    assert "Try again after 22 November 2026 at 10:00am, or ask for a code" in said[-1]
    sign_in_by_code(reader, live_server)
    reader.check("Your Kent Card")


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "../staff", ""])
def test_a_proof_leads_to_no_page_but_ours(live_server: LiveServer, wanted: str) -> None:
    person = msgspec.structs.replace(JEAN, email="open@example.com")
    live_server.register(person)
    visitor = Visitor(live_server)
    visitor.sign_in_as_resident(person.email)
    path = f"/account/confirm?wanted={wanted}"
    assert "evil" not in visitor.get(path).text
    visitor.post(path, {"csrf_token": visitor.token(path)})
    path = f"/account/confirm/code?wanted={wanted}"
    typed = {"csrf_token": visitor.token(path), "code": live_server.newest_code()}
    assert visitor.post(path, typed).headers["location"] == "/account"
