"""A resident applies in the browser, and is asked only what is unknown."""

from datetime import date
from uuid import UUID

import msgspec
import pytest
from playwright.sync_api import expect
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import assessing, offers
from entitlements.models import Giving
from identity import accounts
from identity.evidence import DocumentShown, Proof
from tests.support.browser import Reader
from tests.support.clerk import act_for, open_record, sign_in
from tests.support.people import CLERK, JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser

CARER = "leisure-your-leisure-carer"
TITLE = "Your Leisure carer’s subscription"
SAM = msgspec.structs.replace(
    JEAN,
    given_names="Sam",
    family_name="Marsh",
    birth_date=date(1990, 7, 31),
    postcode="CT10 1AA",
    email="sam@example.com",
)
LETTER = DocumentShown("carers-allowance", dated_on=date(2026, 11, 1))


def register_carer(live: LiveServer, *letters: DocumentShown) -> str:
    """Sam of Thanet, and the letters of theirs that a clerk has seen."""
    account = live.register(SAM)

    async def show(session: AsyncSession) -> None:
        who, now = UUID(account), live.clock()
        for letter in letters:
            await accounts.sight_document(
                session, live.vault, who, letter, Proof.BENEFIT, actor=CLERK, now=now
            )
        await assessing.assess(session, live.vault, who, actor=CLERK, now=now)

    live.do(show)
    return account


def on(at: Reader, title: str, *, scripts: bool) -> None:
    """The page has this title; with scripts, which the checker needs, it is checked whole."""
    if scripts:
        at.check(title)
    else:
        expect(at.page).to_have_title(f"{title} – Kent Card")


def sign_in_as_sam(at: Reader, live: LiveServer) -> None:
    at.page.goto("/sign-in")
    at.page.get_by_label("E-mail address").fill(SAM.email)
    at.press("Send me a code")
    at.page.get_by_label("Code").fill(live.newest_code())
    at.press("Sign in")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_resident_applies_is_asked_only_the_unknown_comes_back_and_has_the_answer_at_once(
    reader: Reader, reader_without_scripts: Reader, live_server: LiveServer, *, scripts: bool
) -> None:
    at = reader if scripts else reader_without_scripts
    page = at.page
    register_carer(live_server, LETTER)
    sign_in_as_sam(at, live_server)
    page.locator(f"#{CARER}").get_by_role("link", name="Apply").click()
    on(at, f"Apply: {TITLE}", scripts=scripts)
    at.press("Start")
    question = "Tell us whether you look after a member of the leisure centre"
    on(at, question, scripts=scripts)
    at.press("Save and continue")
    on(at, f"Error: {question}", scripts=scripts)
    assert at.says("Select yes or no, or that you do not know")

    # Half finished: found again from the account, where it was left.
    page.goto("/account")
    page.get_by_role("link", name="Your requests", exact=True).click()
    on(at, "Your requests", scripts=scripts)
    assert at.says("Not sent yet")
    page.get_by_role("link", name="Go on with it").click()
    page.get_by_label("No", exact=True).check()
    at.press("Save and continue")

    on(at, "Check your answers", scripts=scripts)
    assert at.says("31 July 1990")
    assert at.says("Thanet")
    assert at.says("You will have our answer at once.")
    page.get_by_role("link", name="Change").click()
    assert page.get_by_label("No", exact=True).is_checked()
    page.get_by_label("Yes", exact=True).check()
    at.press("Save and continue")
    at.press("Send my application")

    on(at, "Your application is granted", scripts=scripts)
    assert at.says("We have seen a letter that shows you are a carer.")
    page.go_back()
    on(at, "Your application is granted", scripts=scripts)
    page.get_by_role("link", name="Your requests", exact=True).click()
    assert at.says("Granted")
    page.goto("/account")
    assert page.locator(f"#{CARER}-standing").inner_text() == "Held"
    page.get_by_role("link", name="What you were given so far").click()
    on(at, "What was given so far", scripts=scripts)
    assert at.says(TITLE)


def test_by_the_keyboard_alone_and_without_the_letter_it_waits_for_proof_and_is_withdrawn(
    reader: Reader, live_server: LiveServer
) -> None:
    at, page = reader, reader.page
    register_carer(live_server)
    sign_in_as_sam(at, live_server)
    page.goto(f"/account/apply/{CARER}")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group")).to_be_visible()
    page.get_by_label("Yes", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Check your answers – Kent Card")
    assert at.says("We will need to see proof before we can decide.")
    page.get_by_role("button", name="Send my application").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("We need to see proof – Kent Card")
    at.check("We need to see proof")
    assert at.says("We need to see your Carer’s Allowance letter")
    at.press("Withdraw this application")
    at.check("You withdrew your application")


def test_what_is_answered_when_the_sign_in_has_ended_is_not_lost(
    reader: Reader, live_server: LiveServer
) -> None:
    at, page = reader, reader.page
    register_carer(live_server, LETTER)
    sign_in_as_sam(at, live_server)
    page.goto(f"/account/apply/{CARER}")
    at.press("Start")
    page.get_by_label("Yes", exact=True).check()
    page.context.clear_cookies(name="__Host-kentcard-resident")
    at.press("Save and continue")
    at.check("You have been signed out")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again (opens in a new tab)").click()
    tab = opened.value
    tab.get_by_label("E-mail address").fill(SAM.email)
    tab.get_by_role("button", name="Send me a code").click()
    tab.get_by_label("Code").fill(live_server.newest_code())
    tab.get_by_role("button", name="Sign in", exact=True).click()
    expect(tab).to_have_title("Your Kent Card – Kent Card")
    at.press("I have signed in: send what I typed")
    if "Send what you typed" in page.title():
        at.press("Send what I typed")
    expect(page).to_have_title("Check your answers – Kent Card")


def test_an_offer_is_declined_and_accepted_after_all_and_the_choice_is_kept(
    reader: Reader, live_server: LiveServer
) -> None:
    at, page, account = reader, reader.page, live_server.register(SAM)

    async def choose(session: AsyncSession) -> None:
        who, now = UUID(account), live_server.clock()
        await offers.choose(session, who, Giving.OFFER, actor=CLERK, now=now)
        await accounts.sight_document(
            session, live_server.vault, who, LETTER, Proof.BENEFIT, actor=CLERK, now=now
        )
        await assessing.assess(session, live_server.vault, who, actor=CLERK, now=now)

    live_server.do(choose)
    assert any(message.kind == "offer" for message in live_server.messages())
    sign_in_as_sam(at, live_server)
    page.goto("/account/requests")
    page.get_by_role("link", name="say whether you want it").click()
    at.check("You can have this: Better concession")
    at.press("Continue")
    at.check("Error: You can have this: Better concession")
    page.get_by_label("No, thank you").check()
    at.press("Continue")
    at.check("Your requests")
    page.goto("/account")
    assert page.locator("#leisure-better-standing").inner_text() == "You said no"
    page.locator("#leisure-better").get_by_role("link", name="Say whether you want it").click()
    page.get_by_label("Yes, add it").check()
    at.press("Continue")
    assert at.says("It is added")
    page.get_by_role("link", name="Choose what we do").click()
    at.check("When there is something new you can have")
    assert page.get_by_label("Ask me first, always").is_checked()
    page.get_by_label("Add it for me").check()
    at.press("Save")
    assert at.says("Your choice is kept")


def test_staff_find_the_half_finished_application_and_help_with_it(
    reader: Reader, live_server: LiveServer
) -> None:
    at, page = reader, reader.page
    register_carer(live_server)
    sign_in_as_sam(at, live_server)
    page.goto(f"/account/apply/{CARER}")
    at.press("Start")

    sign_in(page, live_server)
    open_record(page, "Marsh", "Sam Marsh")
    page.get_by_role("link", name="Help with it").click()
    act_for(page, "To apply for something, or ask about it")
    at.check("Their requests")
    page.get_by_role("link", name="Go on with it").click()
    page.get_by_label("No", exact=True).check()
    at.press("Save and continue")
    at.check("Check your answers")
    at.press("Send my application")
    at.check("Your application is refused")
    assert at.says("The subscription is for those who look after a member.")
    sign_in_as_sam(at, live_server)
    page.goto("/account/information")
    assert at.says("Sent an application")


def test_staff_suspend_what_was_given_and_end_the_suspension_with_a_reason(
    reader: Reader, live_server: LiveServer
) -> None:
    at, page = reader, reader.page
    register_carer(live_server)
    sign_in(page, live_server)
    open_record(page, "Marsh", "Sam Marsh")
    page.get_by_role("link", name="Suspend this").click()
    at.check("Suspend this")
    at.press("Suspend it")
    at.check("Error: Suspend this")
    page.get_by_label("It is being looked into").check()
    at.press("Suspend it")
    assert page.locator("#library-standing").inner_text() == "Suspended"
    assert at.says("It is being looked into")
    page.get_by_role("link", name="End the suspension").click()
    at.check("End the suspension")
    page.get_by_label("What it was suspended for is settled").check()
    at.press("End the suspension")
    assert page.locator("#library-standing").inner_text() == "Held"
