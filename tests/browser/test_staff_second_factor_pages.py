"""A member of staff sets an authenticator app up, and signs in with it, in the browser."""

from datetime import timedelta

import pyotp
import pytest
from playwright.sync_api import expect
from sqlalchemy.ext.asyncio import AsyncSession

from identity import staff
from identity.actors import SYSTEM
from identity.models import StaffRole
from identity.staff_factor import STEP_LIFE
from tests.support.browser import Reader
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer

pytestmark = pytest.mark.browser
SET_UP = "Set up an authenticator app"
SAVE = "Save your recovery codes"
CODE = "Enter the code from your app"
NEW_USER = "sam"


def add_sam(live: LiveServer) -> None:
    async def work(session: AsyncSession) -> None:
        await staff.add(
            session,
            NEW_USER,
            "Sam Clerk",
            StaffRole.ADVISER,
            CLERK_PASSWORD,
            actor=SYSTEM,
            now=live.clock(),
        )

    live.do(work)


def give_password(reader: Reader, username: str) -> None:
    reader.page.goto("/staff/sign-in")
    reader.page.get_by_label("User name").fill(username)
    reader.page.get_by_role("textbox", name="Password").fill(CLERK_PASSWORD)
    reader.press("Sign in")


def enter(reader: Reader, label: str, code: str, button: str = "Sign in") -> None:
    reader.page.get_by_label(label).fill(code)
    reader.press(button)


@pytest.mark.parametrize("scripts", [True, False])
def test_an_app_is_set_up_at_the_first_sign_in_and_asked_for_at_the_next(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    add_sam(live_server)
    at = reader if scripts else reader_without_scripts
    page = at.page
    give_password(at, NEW_USER)
    expect(page).to_have_title(f"{SET_UP} – Kent Card")
    if scripts:
        at.check(SET_UP)
    key = page.locator("#secret").inner_text().replace(" ", "")
    app = pyotp.TOTP(key)
    enter(at, "Code of 6 digits", "000000", "Continue")
    assert at.says("The code is wrong or was used before")
    assert page.locator("#secret").inner_text().replace(" ", "") == key
    enter(at, "Code of 6 digits", app.at(live_server.clock()), "Continue")
    expect(page).to_have_title(f"{SAVE} – Kent Card")
    if scripts:
        at.check(SAVE)
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    page.reload()
    assert page.locator("#codes").inner_text().split() == codes
    at.press("I have saved my recovery codes")
    expect(page).to_have_title("Find a resident – Kent Card")
    page.go_back()
    assert not page.locator("#codes").count()
    at.press("Sign out")
    give_password(at, NEW_USER)
    expect(page).to_have_title(f"{CODE} – Kent Card")
    live_server.clock.move(timedelta(seconds=30))
    enter(at, "Code of 6 digits", app.at(live_server.clock()))
    expect(page).to_have_title("Find a resident – Kent Card")


def test_a_recovery_code_is_a_way_in_without_the_phone(
    reader: Reader, live_server: LiveServer
) -> None:
    give_password(reader, CLERK_USER)
    reader.check(CODE)
    reader.press("Sign in")
    reader.check(f"Error: {CODE}")
    reader.page.get_by_role("link", name="I cannot use my app").click()
    reader.check("Enter a recovery code")
    enter(reader, "Recovery code", "AAAA-BBBB-CCCC-DDDD")
    reader.check("Error: Enter a recovery code")
    enter(reader, "Recovery code", live_server.clerk_recovery_codes[0].lower())
    expect(reader.page).to_have_title("Find a resident – Kent Card")


def test_a_second_step_left_too_long_begins_again(reader: Reader, live_server: LiveServer) -> None:
    give_password(reader, CLERK_USER)
    live_server.clock.move(STEP_LIFE)
    enter(reader, "Code of 6 digits", live_server.app_code())
    expect(reader.page).to_have_title("Sign in as a member of staff – Kent Card")


def test_no_page_of_staff_opens_between_the_two_steps(
    reader: Reader, live_server: LiveServer
) -> None:
    give_password(reader, CLERK_USER)
    for path in ("/staff", "/staff/residents/new", "/staff/sign-in/recovery-codes"):
        reader.page.goto(path)
        expect(reader.page).to_have_title("Sign in as a member of staff – Kent Card")
    assert live_server.url
