"""A resident looks after their card themselves: order, activate, lost, found, another, paid."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, lifecycle
from cardservice.models import CardState
from entitlements import carriers
from identity.models import StaffRole
from tests.support import clerk as clerks
from tests.support.browser import Reader
from tests.support.pay import KEY, Pay, paying
from tests.support.people import CLERK, JEAN
from tests.support.web import LiveServer, serving

pytestmark = pytest.mark.browser


@pytest.fixture
def jean(live_server: LiveServer) -> UUID:
    return UUID(live_server.register(JEAN))


def sign_in(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")
    reader.page.goto("/account")


def post_card(live: LiveServer, jean: UUID) -> str:
    """What a bureau and the post do with the card that was ordered; its code."""

    async def work(session: AsyncSession) -> str:
        card = await lifecycle.coming_card(session, jean)
        assert card is not None
        now = live.clock()
        card.sealed_uid, card.uid_index = b"sealed", card.id.bytes
        await carriers.announce(session, live.vault, jean, card.id, institution="1234", now=now)
        await issuance.complete(session, card, to=CardState.PERSONALISED, actor=CLERK, now=now)
        await lifecycle.move(session, card, CardState.DISPATCHED, actor=CLERK, now=now)
        printed = await carriers.printed(session, live.vault, card.id)
        assert printed is not None
        return printed[1]

    return live.do(work)


def go(reader: Reader, link: str) -> None:
    reader.page.get_by_role("link", name=link).click()
    reader.page.wait_for_load_state()


def test_a_card_is_ordered_and_works_once_its_code_was_typed(
    reader_without_scripts: Reader, live_server: LiveServer, jean: UUID
) -> None:
    reader = reader_without_scripts
    sign_in(reader, live_server)
    assert reader.says("You do not have a card yet.")
    go(reader, "Order a card")
    assert reader.says("Your first card is free.")
    reader.press("Order the card")
    assert reader.says("Your card is ordered")
    code = post_card(live_server, jean)
    reader.page.goto("/account")
    assert reader.says("In the post")
    go(reader, "Tell us that it has come, or that it has not")
    reader.press("Start using this card")
    assert reader.says("Enter the code on your card")
    reader.page.get_by_label("Code").fill(f"{(int(code) + 1) % 10**6:06d}")
    reader.press("Start using this card")
    assert reader.says("The code is wrong.")
    reader.page.get_by_label("Code").fill(code)
    reader.press("Start using this card")
    assert reader.says("Your card can be used from now on")
    assert reader.says("In use")


def test_a_lost_card_is_found_and_a_stolen_one_replaced_free_with_a_reference(
    reader: Reader, live_server: LiveServer, jean: UUID
) -> None:
    in_use(live_server, jean)
    sign_in(reader, live_server)
    reader.check("Your Kent Card")
    go(reader, "Report this card lost, stolen or damaged")
    reader.check("What became of your card?")
    reader.press("Stop this card")
    assert reader.says("Select what became of your card")
    reader.page.get_by_label("I lost it").check()
    reader.press("Stop this card")
    assert reader.says("Another card costs £10.")
    reader.check("Your Kent Card")
    reader.press("I found this card")
    assert reader.says("Your card can be used again")
    go(reader, "Report this card lost, stolen or damaged")
    reader.page.get_by_role("radio", name="It was stolen").check()
    reader.page.get_by_role("textbox", name="Crime reference").fill("what?")
    reader.press("Stop this card")
    assert reader.says("Enter the crime reference as the police gave it")
    reader.page.get_by_role("textbox", name="Crime reference").fill("46/118822/26")
    reader.press("Stop this card")
    go(reader, "Ask for another card")
    reader.check("Ask for another card")
    assert reader.says("Another card costs nothing, because the police gave a crime reference.")
    reader.press("Order another card")
    reader.check("Your requests")
    assert reader.says("Nothing to pay, because the police gave a crime reference")


def in_use(live: LiveServer, jean: UUID) -> None:
    async def work(session: AsyncSession) -> None:
        placed = await issuance.order(
            session, live.vault, jean, None, actor=CLERK, now=live.clock()
        )
        card = await lifecycle.locked(session, placed.card_id)
        card.sealed_uid, card.uid_index = b"sealed", card.id.bytes
        await issuance.complete(session, card, actor=CLERK, now=live.clock())

    live.do(work)


def test_pages_of_a_card_are_fit_for_everybody_and_say_what_is_missing(
    reader: Reader, live_server: LiveServer, jean: UUID
) -> None:
    sign_in(reader, live_server)
    go(reader, "Order a card")
    reader.check("Order a Kent Card")
    reader.press("Order the card")
    reader.page.goto("/account/card/order")
    assert reader.says("A card is on its way to you already.")
    post_card(live_server, jean)
    reader.page.goto("/account")
    go(reader, "Tell us that it has come, or that it has not")
    reader.check("Your card has come")
    reader.press("It has not come")
    reader.check("Order a Kent Card")
    assert reader.says("Your first card is free.")


def test_who_waits_for_a_card_and_loses_the_old_one_is_told_so(
    reader: Reader, live_server: LiveServer, jean: UUID
) -> None:
    in_use(live_server, jean)

    async def renew(session: AsyncSession) -> None:
        first, now = date(2028, 4, 1), live_server.clock()
        term = issuance.Term(first, frozenset())
        await issuance.renew(session, live_server.vault, jean, term=term, actor=CLERK, now=now)

    live_server.do(renew)
    sign_in(reader, live_server)
    go(reader, "Report this card lost, stolen or damaged")
    reader.page.get_by_label("It is damaged").check()
    reader.press("Stop this card")
    go(reader, "Ask for another card")
    reader.press("Order another card")
    assert reader.says("Another card is on its way to you already.")
    assert reader.says("If it turns out that it was faulty, what you paid is refunded.")


def test_nobody_does_anything_with_somebody_elses_card(
    reader: Reader, live_server: LiveServer, jean: UUID
) -> None:
    in_use(live_server, jean)
    sign_in(reader, live_server)
    other = "9f1c2c1e-5f10-4a52-8a57-52f5b1e0a001"
    for page in (f"card/{other}/report", f"card/{other}/replace", f"charges/{other}"):
        answer = reader.page.goto(f"/account/{page}")
        assert answer is not None
        assert answer.status == 404


def test_at_a_desk_a_charge_is_paid_waived_or_given_back_by_a_second_person(
    browser: Browser, live_server: LiveServer, jean: UUID
) -> None:
    in_use(live_server, jean)
    owner, clerk = Reader(browser, live_server.url), Reader(browser, live_server.url)
    sign_in(owner, live_server)
    go(owner, "Report this card lost, stolen or damaged")
    owner.page.get_by_label("It is damaged").check()
    owner.press("Stop this card")
    go(owner, "Ask for another card")
    owner.press("Order another card")
    go(owner, "Pay for it")
    owner.check("Pay for a card")
    assert owner.says("Pay at a Kent Gateway or library.")

    clerks.sign_in(clerk.page, live_server)
    record = f"/staff/residents/{jean}?reason=at-desk"
    clerk.page.goto(record)
    clerk.press("It was paid at this desk")
    assert clerk.says("The payment is recorded")
    assert clerk.page.get_by_role("button", name="Give it back").count() == 0
    owner.page.goto("/account/requests")
    owner.check("Your requests")
    assert owner.says("Paid at a desk")

    live_server.add_staff(StaffRole.SUPERVISOR)
    boss = Reader(browser, live_server.url)
    clerks.sign_in(boss.page, live_server, StaffRole.SUPERVISOR.value)
    boss.page.goto(record)
    boss.press("Give it back")
    assert boss.says("Select why it is given back")
    boss.page.get_by_label("Give it back, because").select_option(label="the card was faulty")
    boss.press("Give it back")
    assert boss.says("The payment is given back")
    owner.page.goto("/account/requests")
    assert owner.says("because the card was faulty")


def test_staff_say_what_became_of_a_card_and_how_they_know(
    reader: Reader, live_server: LiveServer, jean: UUID
) -> None:
    in_use(live_server, jean)
    clerks.sign_in(reader.page, live_server)
    reader.page.goto(f"/staff/residents/{jean}?reason=at-desk")
    reader.page.get_by_text("Say what became of this card").click()
    reader.press("Record it")
    assert reader.says("Select what became of the card")
    reader.page.get_by_label("What became of it").select_option("faulty")
    reader.page.get_by_label("How you know").select_option("in-hand")
    reader.press("Record it")
    assert reader.says("What became of the card is recorded")
    assert reader.says("Another card costs nothing, because the card was faulty.")


@pytest.fixture
def pay() -> Iterator[Pay]:
    with paying() as running:
        yield running


def test_a_card_is_paid_for_online_and_only_pay_is_believed(
    browser: Browser, pay: Pay, tmp_path: Path
) -> None:
    key = tmp_path / "pay.key"
    key.write_text(KEY)
    with serving(tmp_path, govuk_pay=(str(key), pay.url)) as live:
        jean = UUID(live.register(JEAN))
        in_use(live, jean)
        reader = Reader(browser, live.url, javascript=False)
        sign_in(reader, live)
        go(reader, "Report this card lost, stolen or damaged")
        reader.page.get_by_label("I lost it").check()
        reader.press("Stop this card")
        go(reader, "Ask for another card")
        reader.press("Order another card")
        go(reader, "Pay for it")
        here = reader.page.url
        reader.press("Pay online")
        (payment_id,) = pay.payments
        link = reader.page.get_by_role("button", name="Go on to GOV.UK Pay")
        assert link.get_attribute("href") == f"{pay.url}/secure/{payment_id}"
        back = pay.payments[payment_id]["return_url"]
        assert back == f"{here}/back"

        reader.page.goto(back)
        assert reader.says("You have not paid. Nothing was taken")
        live.clock.move(timedelta(minutes=1))
        pay.pays(payment_id)
        pay.fails = 500
        reader.page.goto(back)
        assert reader.says("We do not know yet whether you paid.")
        pay.fails = 0
        reader.page.goto(back)
        assert reader.says("You have paid")
        assert reader.says("Paid with GOV.UK Pay")
