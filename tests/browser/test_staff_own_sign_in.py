"""Members of staff look after how they sign in, and show who they are before what matters."""

import pyotp
import pytest
from playwright.sync_api import expect

from identity.models import StaffRole
from identity.sessions import PROOF_LIFE
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.virtual_phone import Authenticator
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
CONFIRM = "Confirm it is you"
SIGN_IN = "Sign in as a member of staff"
NEW_PASSWORD = "gravel wombat thirty seven"


def titled(reader: Reader, title: str) -> None:
    expect(reader.page).to_have_title(f"{title} – Kent Card")


def confirm(reader: Reader, code: str) -> None:
    titled(reader, CONFIRM)
    reader.check(CONFIRM)
    reader.page.get_by_label("Code from your app").fill(code)
    reader.press("Continue")


def test_a_passkey_signs_a_member_of_staff_in_and_is_a_proof(
    reader: Reader, live_server: LiveServer
) -> None:
    supervisor = live_server.add_staff(StaffRole.SUPERVISOR)
    page = reader.page
    Authenticator(page)
    sign_in(page, live_server, supervisor)
    page.goto("/staff/sign-ins")
    reader.check("Your sign-ins")
    page.get_by_role("link", name="Add or remove a passkey").click()
    reader.check("Your passkeys")
    reader.press("Add a passkey")
    expect(page.get_by_text("You can sign in with the passkey from now on")).to_be_visible()
    reader.press("Sign out")
    reader.check(SIGN_IN)
    reader.press("Sign in with a passkey")
    titled(reader, "Find a resident")
    live_server.clock.move(PROOF_LIFE)
    page.goto("/staff/requests")
    titled(reader, CONFIRM)
    reader.press("Use a passkey")
    titled(reader, "Requests")
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    titled(reader, "Error: Sign in to your Kent Card account")


@pytest.mark.parametrize("scripts", [True, False])
def test_password_and_app_are_changed_with_proof_of_the_old(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    at = reader if scripts else reader_without_scripts
    page, name = at.page, f"sam{int(scripts)}"
    live_server.add_staff(StaffRole.ADVISER, name)
    sign_in(page, live_server, name)
    live_server.clock.move(PROOF_LIFE)
    page.goto("/staff/password")
    titled(at, CONFIRM)
    page.get_by_label("Code from your app").fill(live_server.app_code(name))
    at.press("Continue")
    titled(at, "Change your password")
    if scripts:
        at.check("Change your password")
    page.get_by_role("textbox", name="New password").fill("too short")
    at.press("Save password")
    assert at.says("The password must have 15 characters or more")
    page.get_by_role("textbox", name="New password").fill(NEW_PASSWORD)
    at.press("Save password")
    assert at.says("Your password was changed. Every other sign-in of yours has ended")
    page.goto("/staff/app")
    if scripts:
        at.check("Your authenticator app")
    assert not page.get_by_role("button", name="Remove the app").count()
    page.get_by_role("button", name="Replace the app").click()
    key = page.locator("#secret").inner_text().replace(" ", "")
    page.get_by_label("Code of 6 digits").fill(pyotp.TOTP(key).at(live_server.clock()))
    at.press("Continue")
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    at.press("I have saved my recovery codes")
    at.press("Sign out")
    page.goto("/staff/sign-in")
    page.get_by_label("User name").fill(name)
    page.get_by_role("textbox", name="Password").fill(NEW_PASSWORD)
    at.press("Sign in")
    page.get_by_role("link", name="I cannot use my app").click()
    page.get_by_label("Recovery code").fill(codes[0])
    at.press("Sign in")
    titled(at, "Find a resident")


def test_an_old_proof_is_asked_for_again_before_roles_are_changed(
    reader: Reader, live_server: LiveServer
) -> None:
    administrator = live_server.add_staff(StaffRole.ADMINISTRATOR)
    sign_in(reader.page, live_server, administrator, first="Members of staff")
    live_server.clock.move(PROOF_LIFE)
    reader.page.goto("/staff/people")
    confirm(reader, "000000")
    assert reader.says("The code is wrong or was used before")
    reader.check(f"Error: {CONFIRM}")
    reader.page.get_by_label("Code from your app").fill(live_server.app_code(administrator))
    reader.press("Continue")
    titled(reader, "Members of staff")
