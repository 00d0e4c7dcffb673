"""One resident, one account: from registering to a page of somebody else's Apache."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actors import SYSTEM
from identity.oidc import clients
from identity.oidc.clients import Registered
from readers.clock import system_clock
from tests.support import apache
from tests.support.apache import ProtectedPage
from tests.support.browser import Reader
from tests.support.clerk import open_record
from tests.support.clerk import sign_in as sign_in_as_clerk
from tests.support.newcomer import add_passkey, begin, give_address, give_birth_date, give_name
from tests.support.oidc import COUNCIL
from tests.support.virtual_phone import Authenticator
from tests.support.web import CLERK_NAME, LiveServer

pytestmark = pytest.mark.browser


@pytest.fixture
def council_page(live_server: LiveServer) -> Iterator[ProtectedPage]:
    if not apache.is_installed():
        pytest.skip(apache.MISSING)
    # Apache compares tokens with the machine's own clock.
    live_server.clock.move(system_clock() - live_server.clock())
    page = ProtectedPage(apache.free_port())

    async def work(session: AsyncSession) -> Registered:
        return await clients.add(session, page.as_client(), actor=SYSTEM, now=live_server.clock())

    with apache.serving(page.port, page.settings(live_server.url, live_server.do(work))):
        yield page


def register(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/register")
    begin(reader, live)
    give_name(reader)
    give_birth_date(reader, "29", "2", "2000")
    give_address(reader)
    reader.press("Continue")  # no mobile
    reader.press("Create my account")
    reader.check("Your account is made")
    add_passkey(reader)


def look_as_a_clerk(page: Page, live: LiveServer) -> None:
    sign_in_as_clerk(page, live)
    open_record(page, "Weald", "Mina Weald")


def test_a_resident_registers_with_a_passkey_and_opens_a_page_that_apache_protects(
    browser: Browser, reader: Reader, live_server: LiveServer, council_page: ProtectedPage
) -> None:
    page = reader.page
    Authenticator(page)
    register(reader, live_server)
    reader.press("Sign out")
    reader.press("Sign in with a passkey")
    expect(page).to_have_title("Your Kent Card – Kent Card")
    assert reader.says("Mina Weald")

    page.goto("/account/sign-ins")
    reader.check("Your sign-ins")
    assert page.locator(".kent-panel").count() == 1
    assert reader.says("Chrome on Linux This one")
    with browser.new_context(base_url=live_server.url) as desk:
        look_as_a_clerk(desk.new_page(), live_server)
    page.goto("/account/information")
    reader.check("Your information")
    assert reader.says(CLERK_NAME)
    reader.press("Sign out")

    page.goto(council_page.protected)
    expect(page).to_have_title("Sign in to your Kent Card account – Kent Card")
    assert reader.says(f"to continue to {COUNCIL.name}")
    with page.expect_response(council_page.protected) as shown:
        reader.press("Sign in with a passkey")
    expect(page.get_by_role("heading", name="Protected")).to_be_visible()
    assert page.url == council_page.protected
    assert shown.value.status == 200
    assert shown.value.header_value("x-name") == "Mina Weald"
    assert re.fullmatch(r"\S{20,}", shown.value.header_value("x-subject") or "")

    page.goto("/account/information")
    sharing = page.locator(".kent-panel").filter(has_text=COUNCIL.name)
    expect(sharing).to_have_count(1)
