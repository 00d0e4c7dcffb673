"""A site sends somebody to sign in: the pages say where they are going, and lose nobody."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.oidc.models import OidcGrant, OidcRequest
from identity.oidc.requests import WAITING_LIFE
from identity.signin_models import OneTimeCode, Session
from tests.support.browser import Reader
from tests.support.oidc import PARTNER
from tests.support.people import JEAN
from tests.support.relying_site import RelyingSite, relying_site
from tests.support.virtual_phone import Authenticator
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
SIGN_IN = "Sign in to your Kent Card account"
ON_THE_WAY = f"to continue to {PARTNER.name}"


@pytest.fixture
def site(live_server: LiveServer) -> Iterator[RelyingSite]:
    live_server.register(JEAN)
    with relying_site(live_server) as known:
        yield known


def sign_in_by_code(page: Page, live: LiveServer) -> None:
    page.get_by_label("E-mail address").fill(JEAN.email)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(live.newest_code())
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    sign_in_by_code(reader.page, live)
    for name in ("How you sign in", "Your passkeys"):
        reader.page.get_by_role("link", name=name).click()
    reader.press("Add a passkey")
    expect(reader.page.get_by_text("You can sign in with the passkey from now on")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_each_page_of_the_sign_in_says_where_the_resident_is_going(
    browser: Browser, live_server: LiveServer, site: RelyingSite, *, scripts: bool
) -> None:
    reader = Reader(browser, live_server.url, javascript=scripts)
    page = reader.page
    page.goto(site.begins())
    for title, onward in (
        (SIGN_IN, lambda: page.get_by_role("link", name="Sign in with a password").click()),
        ("Sign in with your password", lambda: reader.press("Sign in")),
        ("Error: Sign in with your password", page.go_back),
    ):
        assert reader.says(ON_THE_WAY)
        if scripts and "Error" not in title:
            reader.check(title)
        onward()
    page.goto(site.begins())
    reader.press("Send me a code")
    expect(page).to_have_title(f"Error: {SIGN_IN} – Kent Card")
    assert reader.says(ON_THE_WAY)
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    expect(page).to_have_title("Enter your code – Kent Card")
    assert reader.says(ON_THE_WAY)
    page.goto("/sign-in")
    assert not reader.says("to continue to")


def test_what_the_site_believes_the_address_is_fills_the_field_in_and_nothing_else(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    page = reader.page
    field = page.get_by_label("E-mail address")
    seen = []
    for hint in (JEAN.email, "nobody@example.com", '"><b>x@example.com'):
        page.goto(site.begins(login_hint=hint))
        expect(field).to_have_value(hint)
        reader.check(SIGN_IN)
        seen.append(page.locator("main").inner_text())
        page.get_by_role("link", name="Sign in with a password").click()
        expect(field).to_have_value(hint)
    assert len(set(seen)) == 1  # the same for an address we know, one we do not, and none at all

    async def codes(session: AsyncSession) -> int:
        return len((await session.scalars(select(OneTimeCode))).all())

    assert live_server.do(codes) == 0
    for hint in ("jean", "x" * 300 + "@example.com"):
        page.goto(site.begins(login_hint=hint))
        expect(field).to_have_value("")


def test_a_passkey_takes_a_resident_on_to_the_site_that_asked(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    Authenticator(reader.page)
    add_passkey(reader, live_server)
    reader.press("Sign out")
    reader.page.goto(site.begins(acr_values="aal2"))
    reader.check(SIGN_IN)
    assert reader.says(f"{PARTNER.name} needs to be surer that it is you. Sign in with a passkey")
    reader.press("Sign in with a passkey")
    expect(reader.page).to_have_title(f"Share your information with {PARTNER.name} – Kent Card")
    reader.press("Agree and continue")
    expect(reader.page.get_by_text("Welcome, Jean O'Malley")).to_be_visible()
    assert (site.claims()["acr"], site.claims()["amr"]) == ("aal2", ["pop", "mfa"])


def test_a_passkey_that_is_refused_keeps_the_way_to_the_site(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    phone = Authenticator(reader.page)
    add_passkey(reader, live_server)
    reader.press("Sign out")
    reader.page.goto(site.begins())
    live_server.clock.move(timedelta(minutes=6))  # the page's challenge is over, the request not
    reader.press("Sign in with a passkey")
    expect(reader.page.locator(".govuk-error-summary")).to_contain_text("was not accepted")
    assert reader.says(ON_THE_WAY)
    phone.knows_its_owner(known=True)
    reader.press("Sign in with a passkey")
    expect(reader.page).to_have_title(f"Share your information with {PARTNER.name} – Kent Card")


def test_a_resident_who_is_signed_in_too_weakly_is_asked_for_more_and_the_site_told_if_in_vain(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    reader.page.goto("/sign-in")
    sign_in_by_code(reader.page, live_server)
    live_server.clock.move(timedelta(seconds=1))
    reader.page.goto(site.begins(acr_values="aal2"))
    assert reader.says("needs to be surer that it is you")
    sign_in_by_code(reader.page, live_server)
    expect(
        reader.page.get_by_text("Not signed in: unmet_authentication_requirements")
    ).to_be_visible()


def test_a_resident_who_took_too_long_is_told_and_signs_in_here(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    page = reader.page
    page.goto(site.begins())
    live_server.clock.move(WAITING_LIFE)
    page.reload()
    late = f"You were on the way to {PARTNER.name}, but that was too long ago or is done already."
    assert reader.says(late)
    reader.check(SIGN_IN)
    sign_in_by_code(page, live_server)
    expect(page).to_have_title("Your Kent Card – Kent Card")
    reader.press("Sign out")
    page.goto("/sign-in?request=a-handle-that-nobody-gave-out")
    assert reader.says("You were on the way to another service")


def test_a_request_that_ended_while_somebody_signed_in_leads_to_their_account(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    page = reader.page
    page.goto(site.begins())
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    code = live_server.newest_code()
    live_server.clock.move(timedelta(minutes=9))
    page.goto(page.url)
    page.get_by_label("Code").fill(code)

    async def answered_elsewhere(session: AsyncSession) -> None:
        for each in await session.scalars(select(OidcRequest)):
            each.consumed_at = live_server.clock()

    live_server.do(answered_elsewhere)
    reader.press("Sign in")
    expect(page).to_have_title("The service you came from could not sign you in or out – Kent Card")
    reader.check("The service you came from could not sign you in or out")
    page.get_by_role("link", name="Go to your Kent Card account").click()
    expect(page).to_have_title("Your Kent Card – Kent Card")


def test_signing_in_again_ends_the_sign_in_before_and_keeps_the_sites_signed_in(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    reader.page.goto(site.begins())
    sign_in_by_code(reader.page, live_server)
    reader.press("Agree and continue")
    expect(reader.page.get_by_text("Welcome, Jean O'Malley")).to_be_visible()
    live_server.clock.move(timedelta(seconds=1))
    reader.page.goto(site.begins(prompt="login"))
    sign_in_by_code(reader.page, live_server)
    expect(reader.page.get_by_text("Welcome, Jean O'Malley")).to_be_visible()

    async def found(session: AsyncSession) -> tuple[int, int, int]:
        own = select(Session).where(Session.account_id.is_not(None))
        sessions = (await session.scalars(own)).all()
        (still_open,) = [each for each in sessions if each.ended_at is None]
        grants = (await session.scalars(select(OidcGrant))).all()
        under = [each for each in grants if each.session_hash == still_open.token_hash]
        return len(sessions), len(grants), len(under)

    assert live_server.do(found) == (2, 2, 2)
