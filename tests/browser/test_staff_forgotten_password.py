"""A member of staff who forgot their password is let in again, and an administrator can help."""

import pytest
from playwright.sync_api import expect
from sqlalchemy.ext.asyncio import AsyncSession

from identity import staff, staff_contact
from identity.actors import SYSTEM
from identity.contacts import CodeUse
from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
NEW_PASSWORD = "gravel wombat thirty seven"
CHOOSE = "Choose a new password"
FORGOTTEN = "Forgotten your password"
SIGN_IN = "Sign in as a member of staff"


def note_address(live: LiveServer, username: str) -> None:
    async def work(session: AsyncSession) -> None:
        member = await staff.named(session, username)
        await staff_contact.set_email(
            session,
            live.vault,
            member.id,
            f"{username}@kent.example",
            actor=SYSTEM,
            now=live.clock(),
        )

    live.do(work)


def arrive(at: Reader, title: str, *, scripts: bool) -> None:
    """The page with that title; with scripts it is looked through for barriers too."""
    expect(at.page).to_have_title(f"{title} – Kent Card")
    if scripts:
        at.check(title)


def fill_and_save(reader: Reader, code: str, password: str) -> None:
    reader.page.get_by_label("Code", exact=True).fill(code)
    reader.page.get_by_role("textbox", name="New password").fill(password)
    reader.press("Save password")


@pytest.mark.parametrize("scripts", [True, False])
def test_sam_forgot_the_password_and_chooses_another(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    at = reader if scripts else reader_without_scripts
    name = f"forgetful{int(scripts)}"
    live_server.add_staff(StaffRole.ADVISER, name)
    note_address(live_server, name)
    page = at.page
    page.goto("/staff/sign-in")
    page.get_by_role("link", name="I have forgotten my password").click()
    arrive(at, FORGOTTEN, scripts=scripts)
    at.press("Send me a code")
    assert at.says("Enter your user name")
    page.get_by_label("User name").fill(name)
    at.press("Send me a code")
    arrive(at, CHOOSE, scripts=scripts)
    assert at.says("If that user name can ask for a code")
    fill_and_save(at, "1234 5678", NEW_PASSWORD)
    assert at.says("The code is wrong. Check the newest message we sent you")
    code = live_server.newest_code(CodeUse.STAFF_PASSWORD)
    fill_and_save(at, code, "too short")
    assert at.says("The password must have 15 characters or more")
    fill_and_save(at, code, NEW_PASSWORD)
    arrive(at, SIGN_IN, scripts=scripts)
    assert at.says("Your password was changed. Sign in with it now")
    page.get_by_label("User name").fill(name)
    page.get_by_role("textbox", name="Password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code of 6 digits").fill(live_server.app_code(name))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_title("Find a resident – Kent Card")
    assert live_server.messages()[0].kind == "staff-sign-in-changed"


def test_a_name_that_nobody_has_is_answered_in_the_same_words(
    reader: Reader, live_server: LiveServer
) -> None:
    live_server.add_staff(StaffRole.ADVISER, "known")
    note_address(live_server, "known")
    said = []
    for name in ("known", "nobody"):
        reader.page.goto("/staff/sign-in/forgotten")
        reader.page.get_by_label("User name").fill(name)
        reader.press("Send me a code")
        reader.check(CHOOSE)
        said.append(reader.page.locator("main").inner_text())
    assert said[0] == said[1]


def test_an_administrator_notes_the_address_and_has_a_code_sent_that_they_never_see(
    reader: Reader, live_server: LiveServer
) -> None:
    administrator = live_server.add_staff(StaffRole.ADMINISTRATOR)
    name = live_server.add_staff(StaffRole.ADVISER, "mislaid")
    page = reader.page
    sign_in(page, live_server, administrator, first="Members of staff")
    of_them = f"Colleague {name}"
    own = page.locator(".kent-panel").filter(has_text=of_them)
    expect(own.get_by_role("button", name="Send a code for a new password")).to_have_count(0)
    own.get_by_label(f"Work e-mail address of {of_them}").fill("no address")
    own.get_by_role("button", name="Note their address").click()
    assert reader.says("Enter an e-mail address in the correct format, like name@example.com")
    own.get_by_label(f"Work e-mail address of {of_them}").fill("mislaid@kent.example")
    own.get_by_role("button", name="Note their address").click()
    assert reader.says("Their work e-mail address is noted. They were told there")
    reader.check("Members of staff")
    own.get_by_role("button", name="Send a code for a new password").click()
    assert reader.says("A code was sent to them")
    code = live_server.newest_code(CodeUse.STAFF_PASSWORD)
    assert code not in page.content()
    assert code.replace(" ", "") not in page.content()
    reader.press("Sign out")
    page.goto("/staff/sign-in/forgotten")
    page.get_by_role("link", name="I have a code").click()
    reader.check(CHOOSE)
    page.get_by_label("User name").fill(name)
    fill_and_save(reader, code, NEW_PASSWORD)
    assert reader.says("Your password was changed. Sign in with it now")
