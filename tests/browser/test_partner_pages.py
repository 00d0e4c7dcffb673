"""The story of a partner's person: a key, a webhook, a message that arrives, and one sent again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks import Webhook

from entitlements import sandbox
from entitlements.partner_models import CredentialKind
from entitlements.redemption_models import PartnerUsage
from entitlements.usage import Used
from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.oidc import new_key
from tests.support.partner_people import partner_with_person, sign_in_for_partner, worker_turn
from tests.support.receiver import Receiver, receiver
from tests.support.web import CLERK_PASSWORD, LiveServer, serving

pytestmark = pytest.mark.browser


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveServer]:
    """In demo mode, in which messages may go to this machine."""
    with serving(tmp_path, demo=True) as running:
        yield running


@pytest.fixture
def partner() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def add_webhook(reader: Reader, url: str) -> str:
    """Add a webhook at the page of webhooks; answers its secret."""
    reader.page.get_by_label("Address").fill(url)
    reader.press("Add the webhook")
    expect(reader.page).to_have_title("Save the secret – Kent Card")
    return reader.page.locator("#secret").inner_text()


def test_a_partners_person_registers_a_key_adds_a_webhook_and_sees_a_delivery(
    browser: Browser, live: LiveServer, partner: Receiver
) -> None:
    reader = Reader(browser, live.url)
    page = reader.page
    partner_with_person(live)
    sign_in_for_partner(page, live)
    reader.check("Your organisation")
    assert reader.says("Example Theatre")
    assert reader.says("No key is registered yet.")

    page.get_by_role("link", name="Keys", exact=True).click()
    reader.check("Keys")
    page.get_by_label("Test cards").check()
    page.get_by_label("Public key").fill(json.dumps(new_key("a")[1]))
    reader.press("Register the key")
    assert reader.says("The key is registered")
    reader.check("Keys")

    page.get_by_role("link", name="Test cards", exact=True).click()
    reader.check("Test cards")
    page.get_by_label("Ask about").select_option(label="Library membership")
    page.get_by_label("Test card").select_option(str(sandbox.CARDS[0].number))
    reader.press("Check the card")
    assert reader.says("Answer: yes")
    reader.check("Test cards")
    page.get_by_label("Test card").select_option(str(sandbox.CARDS[6].number))
    reader.press("Check the card")
    assert reader.says("Answer: unknown")

    page.get_by_role("link", name="Usage", exact=True).click()
    reader.check("Usage")
    assert reader.says("Nothing was asked.")

    page.get_by_role("link", name="Webhooks", exact=True).click()
    reader.check("Webhooks")
    secret = add_webhook(reader, partner.url)
    reader.check("Save the secret")
    page.get_by_role("button", name="I have saved the secret").click()
    reader.check("One webhook")
    assert secret not in page.content()

    reader.press("Send a test")
    assert reader.says("A test is on its way")
    assert worker_turn(live).taken == 1
    page.reload()
    assert reader.says("Taken: answered 204")
    reader.check("One webhook")
    (came,) = partner.received
    assert came.headers["webhook-id"] in page.content()
    _verify(secret, came.body, came.headers)

    page.get_by_role("button", name="Send again").click()
    assert reader.says("The message is on its way again")
    assert worker_turn(live).taken == 1
    first, second = partner.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_usage_is_shown_by_day(browser: Browser, live: LiveServer) -> None:
    organisation = partner_with_person(live)
    other = partner_with_person(live, "Example Pool", "olly")

    async def work(session: AsyncSession) -> None:
        for whose, what, times in (
            (organisation, Used.CHECK_YES, 41),
            (organisation, Used.REFUSED, 7),
            (other, Used.CHECK_NO, 99),
        ):
            session.add(
                PartnerUsage(
                    organisation_id=whose,
                    kind=CredentialKind.LIVE,
                    day=live.clock().date(),
                    what=what.value,
                    times=times,
                )
            )

    live.do(work)
    reader = Reader(browser, live.url)
    sign_in_for_partner(reader.page, live)
    reader.page.goto("/partners/usage")
    reader.check("Usage")
    row = reader.page.get_by_role("row", name="22 November 2026")
    assert row.get_by_role("cell").all_inner_texts() == ["41", "0", "0", "0", "0", "0", "7"]


def test_the_pages_work_without_scripts_and_by_keyboard(
    browser: Browser, live: LiveServer, partner: Receiver
) -> None:
    reader = Reader(browser, live.url, javascript=False)
    page = reader.page
    partner_with_person(live)
    sign_in_for_partner(page, live)
    page.get_by_role("link", name="Webhooks", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("Webhooks – Kent Card")
    page.get_by_label("Address").focus()
    page.keyboard.type(partner.url)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Save the secret – Kent Card")
    old = page.locator("#secret").inner_text()
    page.get_by_role("button", name="I have saved the secret").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make a new secret").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("Save the secret – Kent Card")
    assert page.locator("#secret").inner_text() != old


def test_what_cannot_be_taken_is_said_beside_the_field(browser: Browser, live: LiveServer) -> None:
    reader = Reader(browser, live.url)
    page = reader.page
    partner_with_person(live)
    sign_in_for_partner(page, live)
    page.goto("/partners/webhooks")
    for url, words in [
        ("", "Enter an address, such as https://hooks.example.org/kent"),
        ("http://example.org/", "The address must begin with https://"),
        ("https://10.0.0.1/", "The address must have a full name"),
        ("https://metadata.google.internal/", "The address must be one on the internet"),
    ]:
        page.get_by_label("Address").fill(url)
        reader.press("Add the webhook")
        assert reader.says(words)
    reader.check("Error: Webhooks")
    page.goto("/partners/credentials")
    private = json.dumps({**new_key("a")[1], "d": "c2VjcmV0"})
    page.get_by_label("Public key").fill(private)
    page.get_by_label("Test cards").check()
    reader.press("Register the key")
    assert reader.says("This is a private key.")
    assert "c2VjcmV0" not in page.content()
    reader.check("Error: Keys")
    page.get_by_label("Public key").fill("not a key")
    reader.press("Register the key")
    assert reader.says("Select what the key is for")


def test_a_webhook_that_is_gone_is_shown_as_disabled_and_can_be_enabled(
    browser: Browser, live: LiveServer, partner: Receiver
) -> None:
    reader = Reader(browser, live.url)
    page = reader.page
    partner_with_person(live)
    sign_in_for_partner(page, live)
    page.goto("/partners/webhooks")
    add_webhook(reader, partner.url)
    page.get_by_role("button", name="I have saved the secret").click()
    partner.status = 410
    reader.press("Send a test")
    worker_turn(live)
    page.reload()
    assert reader.says("the address answered 410, which means that it is gone")
    reader.check("One webhook")
    reader.press("Enable")
    assert reader.says("Messages are sent to this address again")
    first, last = (page.get_by_role("group", name=name) for name in ("First day", "Last day"))
    for group, when in ((first, live.clock()), (last, live.clock() - timedelta(days=1))):
        for part, value in (("Day", when.day), ("Month", when.month), ("Year", when.year)):
            group.get_by_label(part).fill(str(value))
    reader.press("Send these days again")
    assert reader.says("The last day must not be before the first")
    reader.check("Error: One webhook")
    last.get_by_label("Day").fill(str(live.clock().day))
    reader.press("Send these days again")
    assert reader.says("Messages that are sent again: 0")
    reader.press("Remove with its log")
    assert reader.says("You have no webhook yet.")


def test_changing_keys_needs_a_proof_of_who_it_is(browser: Browser, live: LiveServer) -> None:
    reader = Reader(browser, live.url)
    page = reader.page
    partner_with_person(live)
    sign_in_for_partner(page, live)
    live.clock.move(timedelta(minutes=10))
    page.goto("/partners/webhooks")
    page.get_by_label("Address").fill("https://hooks.example.org/")
    reader.press("Add the webhook")
    expect(page).to_have_title("Confirm it is you – Kent Card")
    page.goto("/staff/confirm?wanted=partners")
    _confirm(page, live)
    expect(page).to_have_title("Your organisation – Kent Card")


def test_a_partners_person_sees_no_page_of_the_council_and_staff_none_of_theirs(
    browser: Browser, live: LiveServer
) -> None:
    reader = Reader(browser, live.url)
    page = reader.page
    partner_with_person(live)
    sign_in_for_partner(page, live)
    for path in ("/staff/residents/new", "/staff/audit", "/staff/people", "/staff/rules"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403
    reader.press("Sign out")
    sign_in(page, live)
    for path in ("/partners", "/partners/credentials", "/partners/webhooks"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403


def test_another_partners_webhook_is_not_found(
    browser: Browser, live: LiveServer, partner: Receiver
) -> None:
    partner_with_person(live)
    partner_with_person(live, "Example Pool", "olly")
    reader = Reader(browser, live.url)
    sign_in_for_partner(reader.page, live)
    reader.page.goto("/partners/webhooks")
    add_webhook(reader, partner.url)
    reader.page.get_by_role("button", name="I have saved the secret").click()
    theirs = reader.page.url
    reader.press("Send a test")
    other = Reader(browser, live.url)
    sign_in_for_partner(other.page, live, "olly")
    answer = other.page.goto(theirs.split("?")[0])
    assert answer is not None
    assert answer.status == 404
    other.page.goto("/partners/webhooks")
    assert other.says("You have no webhook yet.")


def test_an_administrator_adds_the_first_person_of_a_partner(
    browser: Browser, live: LiveServer
) -> None:
    partner_with_person(live)
    reader = Reader(browser, live.url)
    page = reader.page
    sign_in(page, live, live.add_staff(StaffRole.ADMINISTRATOR), "Members of staff")
    page.get_by_role("link", name="Partners", exact=True).click()
    reader.check("Partners")
    page.get_by_role("link", name="Add somebody who signs in for Example Theatre").click()
    reader.check("Add somebody who signs in for a partner")
    page.get_by_label("Name of the person").fill("Nina Wood")
    page.get_by_label("User name").fill("tess")
    page.get_by_role("textbox", name="First password").fill("short")
    reader.press("Add the person")
    assert reader.says("This user name is taken")
    reader.check("Error: Add somebody who signs in for a partner")
    page.get_by_label("User name").fill("nina")
    page.get_by_role("textbox", name="First password").fill(CLERK_PASSWORD)
    reader.press("Add the person")
    assert reader.says("The person is added.")
    assert reader.says("Nina Wood (nina)")


def _confirm(page: Page, live: LiveServer) -> None:
    page.get_by_label("Code from your app").fill(live.app_code("tess"))
    page.get_by_role("button", name="Continue", exact=True).click()
    page.wait_for_load_state()


def _verify(secret: str, body: bytes, headers: dict[str, str]) -> None:
    """As the published library does, but for its clock, which is not the server's."""
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = Webhook(secret).sign(headers["webhook-id"], sent, body.decode())
    assert expected in headers["webhook-signature"].split(" ")
