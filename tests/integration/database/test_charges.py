"""What another card costs: due, paid, waived, refunded; at a desk, and with GOV.UK Pay."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from cardservice import charges, govuk_pay, issuance, lifecycle, payments, replacement
from cardservice.charge_causes import Cause, Relief
from cardservice.charge_models import Charge, ChargeState, Method, Payment, PaymentState
from cardservice.database import Database
from cardservice.errors import ChargeSettled, NoSuchCharge, NotReady, PaymentsUnavailable
from cardservice.govuk_pay import GovukPay
from cardservice.models import CardState
from cardservice.settings import Settings
from identity import accounts
from identity.actors import resident_actor, staff_actor
from identity.errors import InvalidDetails, SecondPersonNeeded
from identity.personal import Vault
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.pay import KEY, Pay, paying
from tests.support.people import CLERK, JEAN, NOW

SUPERVISOR = staff_actor(UUID("0b6f3a52-6f0c-4f7e-9a56-0d3c8b1f2a12"), "Ann Boss")
BACK = "https://card.example/account/charges/1/back"
TRAVEL = timedelta(hours=1)


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    """With a card in use."""
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        desk = await enrolled_desk(session, "Desk", now=NOW)
        await issuance.order(session, vault, account.id, desk.id, actor=CLERK, now=NOW)
        await make_ordered_card(session, vault, str(account.id), now=NOW)
        return account.id


@pytest.fixture
def pay_server() -> Iterator[Pay]:
    with paying() as running:
        yield running


@pytest.fixture
async def pay(pay_server: Pay) -> AsyncIterator[GovukPay]:
    async with govuk_pay.connections() as http:
        yield GovukPay(KEY, http, pay_server.url)


async def replaced(
    database: Database, vault: Vault, jean: UUID, became: CardState, reference: str = ""
) -> Charge | None:
    """The charge for the card that takes the place of theirs."""
    own = resident_actor(jean, "123456789")
    by = CLERK if became is CardState.FAULTY else own
    async with database.transaction() as session:
        card = await lifecycle.live_card(session, jean)
        assert card is not None
        await replacement.report(
            session, vault, card.id, became, crime_reference=reference, actor=by, now=NOW
        )
        placed = await replacement.replace(session, vault, jean, None, actor=own, now=NOW)
        return await charges.of_card(session, placed.card_id)


async def due(database: Database, vault: Vault, jean: UUID) -> UUID:
    charge = await replaced(database, vault, jean, CardState.LOST)
    assert charge is not None
    return charge.id


async def charge_of(database: Database, charge_id: UUID) -> Charge:
    async with database.transaction() as session:
        return await session.get_one(Charge, charge_id)


async def test_a_lost_or_damaged_card_costs_ten_pounds(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    charge = await replaced(migrated, vault, jean, CardState.DAMAGED)
    assert charge is not None
    assert (charge.pence, charge.state, charge.cause) == (1000, ChargeState.DUE, Cause.DAMAGED)


async def test_a_stolen_card_is_free_with_a_crime_reference_and_not_without(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    charge = await replaced(migrated, vault, jean, CardState.STOLEN, " 46/118822/26 ")
    assert charge is not None
    assert (charge.state, charge.relief) == (ChargeState.WAIVED, Relief.CRIME_REFERENCE)


async def test_a_stolen_card_without_a_reference_is_charged_for(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    charge = await replaced(migrated, vault, jean, CardState.STOLEN)
    assert charge is not None
    assert charge.state is ChargeState.DUE


async def test_a_faulty_card_costs_nothing(migrated: Database, vault: Vault, jean: UUID) -> None:
    charge = await replaced(migrated, vault, jean, CardState.FAULTY)
    assert charge is not None
    assert (charge.state, charge.relief) == (ChargeState.WAIVED, Relief.FAULTY)


@pytest.mark.parametrize("typed", ["x" * 31, "no numbers", "<script>1</script>", "1;2", "123"])
async def test_what_is_no_crime_reference_changes_nothing(
    migrated: Database, vault: Vault, jean: UUID, typed: str
) -> None:
    with pytest.raises(InvalidDetails) as refused:
        await replaced(migrated, vault, jean, CardState.STOLEN, typed)
    assert set(refused.value.faults) == {"crime_reference"}
    async with migrated.transaction() as session:
        card = await lifecycle.live_card(session, jean)
        assert card is not None
        assert card.state is CardState.ACTIVE


async def test_an_order_that_is_cancelled_asks_for_no_money(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    charge_id = await due(migrated, vault, jean)
    async with migrated.transaction() as session:
        card = await lifecycle.coming_card(session, jean)
        assert card is not None
        await issuance.cancel_card(session, card, actor=CLERK, now=NOW)
    charge = await charge_of(migrated, charge_id)
    assert (charge.state, charge.relief) == (ChargeState.WAIVED, Relief.NOT_WANTED)


async def test_whoever_takes_a_payment_never_gives_it_back(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    charge_id = await due(migrated, vault, jean)
    async with migrated.transaction() as session:
        charge = await charges.locked(session, charge_id, jean)
        with pytest.raises(ChargeSettled):
            charges.refund(session, charge, Relief.FAULTY, actor=SUPERVISOR, now=NOW)
        charges.take(session, charge, Method.DESK, actor=CLERK, now=NOW)
        with pytest.raises(ChargeSettled):
            charges.take(session, charge, Method.DESK, actor=CLERK, now=NOW)
        with pytest.raises(ChargeSettled):
            charges.waive(session, charge, Relief.HARDSHIP, actor=CLERK, now=NOW)
        with pytest.raises(SecondPersonNeeded):
            charges.refund(session, charge, Relief.FAULTY, actor=CLERK, now=NOW)
    give = (migrated.transaction, None, jean, charge_id, Relief.FAULTY)
    await payments.give_back(*give, actor=SUPERVISOR, now=NOW)
    assert (await charge_of(migrated, charge_id)).state is ChargeState.REFUNDED
    with pytest.raises(ChargeSettled):
        await payments.give_back(*give, actor=SUPERVISOR, now=NOW)


async def test_a_charge_is_its_own_residents(migrated: Database, vault: Vault, jean: UUID) -> None:
    charge_id = await due(migrated, vault, jean)
    async with migrated.transaction() as session:
        with pytest.raises(NoSuchCharge):
            await charges.locked(session, charge_id, UUID(int=1))


async def test_a_payment_is_begun_paid_and_believed_only_from_pay_itself(
    migrated: Database, vault: Vault, jean: UUID, pay: GovukPay, pay_server: Pay
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    url = await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    (payment_id,) = pay_server.payments
    sent = pay_server.payments[payment_id]
    assert url == f"{pay_server.url}/secure/{payment_id}"
    assert (sent["amount"], sent["return_url"]) == (1000, BACK)
    assert not {"Jean", "O'Malley", "jean@example.com"} & set(str(sent).replace('"', " ").split())

    assert await payments.settle(*asked, actor=own, now=NOW) is ChargeState.DUE
    again = await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    assert again == url
    assert len(pay_server.payments) == 1

    pay_server.pays(payment_id)
    assert await payments.settle(*asked, actor=own, now=NOW) is ChargeState.PAID
    assert await payments.settle(*asked, actor=own, now=NOW) is ChargeState.PAID
    charge = await charge_of(migrated, charge_id)
    assert (charge.method, charge.settled_by_id) == (Method.GOVUK_PAY, own.id)
    assert await payments.begin(*asked, return_url=BACK, actor=own, now=NOW) == ""
    assert len(pay_server.payments) == 1


async def test_a_payment_that_failed_is_begun_anew(
    migrated: Database, vault: Vault, jean: UUID, pay: GovukPay, pay_server: Pay
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    first = await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    pay_server.pays(next(iter(pay_server.payments)), "cancelled")
    second = await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    assert first != second
    assert (await charge_of(migrated, charge_id)).state is ChargeState.DUE
    async with migrated.transaction() as session:
        states = await session.scalars(select(Payment.state).order_by(Payment.state))
        assert states.all() == [PaymentState.BEGUN, PaymentState.FAILED]


async def test_a_payment_of_which_pay_never_answered_cannot_be_paid_twice(
    migrated: Database, vault: Vault, jean: UUID, pay: GovukPay, pay_server: Pay
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    pay_server.fails = 500
    with pytest.raises(PaymentsUnavailable):
        await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    pay_server.fails = 0
    assert await payments.settle(*asked, actor=own, now=NOW) is ChargeState.DUE
    await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    (payment,) = pay_server.payments.values()
    async with migrated.transaction() as session:
        rows = (await session.scalars(select(Payment).order_by(Payment.state))).all()
    assert [row.state for row in rows] == [PaymentState.BEGUN, PaymentState.FAILED]
    assert payment["reference"] == str(rows[0].id)


async def test_the_worker_asks_about_a_payment_from_which_nobody_came_back(
    migrated: Database, vault: Vault, jean: UUID, pay: GovukPay, pay_server: Pay
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    assert await payments.settle_open(migrated.transaction, pay, now=NOW) == 0
    assert await payments.settle_open(migrated.transaction, pay, now=NOW + TRAVEL / 2) == 0
    pay_server.pays(next(iter(pay_server.payments)))
    at_once = NOW + TRAVEL / 2 + timedelta(minutes=1)  # it was asked about a minute ago
    assert await payments.settle_open(migrated.transaction, pay, now=at_once) == 0
    assert await payments.settle_open(migrated.transaction, pay, now=NOW + TRAVEL) == 1
    assert (await charge_of(migrated, charge_id)).state is ChargeState.PAID
    assert await payments.settle_open(migrated.transaction, pay, now=NOW + TRAVEL) == 0


async def test_what_was_paid_online_is_given_back_there_and_once(
    migrated: Database, vault: Vault, jean: UUID, pay: GovukPay, pay_server: Pay
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    payment_id = next(iter(pay_server.payments))
    pay_server.pays(payment_id)
    await payments.settle(*asked, actor=own, now=NOW)
    with pytest.raises(PaymentsUnavailable):  # without Pay nothing can be given back
        await payments.give_back(
            migrated.transaction, None, jean, charge_id, Relief.FAULTY, actor=CLERK, now=NOW
        )
    await pay.give_back(payment_id, pence=1000)  # as if we had died before we wrote it down
    await payments.give_back(*asked, Relief.FAULTY, actor=CLERK, now=NOW)
    assert len(pay_server.refunds) == 1
    assert (await charge_of(migrated, charge_id)).state is ChargeState.REFUNDED


UNBELIEVED = {
    "nothing": b"",
    "no JSON": b"no JSON",
    "another shape": b"[]",
    "no name": b'{"payment_id": "../../x", "amount": 1000, "reference": "r", "state": {}}',
    "another sum": b"""{"payment_id": "abc", "amount": 1, "reference": "r",
        "state": {"status": "success", "finished": true}}""",
    "another address": b"""{"payment_id": "abc", "amount": 1000, "reference": "r",
        "state": {"status": "created", "finished": false},
        "_links": {"next_url": {"href": "javascript:alert(1)"}}}""",
    "too much": b"x" * 100_000,
}


@pytest.mark.parametrize("said", UNBELIEVED.values(), ids=UNBELIEVED.keys())
async def test_what_pay_says_is_believed_only_if_it_is_of_this_payment(
    migrated: Database, vault: Vault, jean: UUID, pay: GovukPay, pay_server: Pay, said: bytes
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
    pay_server.says = said
    with pytest.raises(PaymentsUnavailable):
        await payments.settle(*asked, actor=own, now=NOW)
    assert (await charge_of(migrated, charge_id)).state is ChargeState.DUE


async def test_neither_the_key_nor_the_resident_is_in_the_log(
    migrated: Database,
    vault: Vault,
    jean: UUID,
    pay: GovukPay,
    pay_server: Pay,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    charge_id, own = await due(migrated, vault, jean), resident_actor(jean, "123456789")
    asked = (migrated.transaction, pay, jean, charge_id)
    with caplog.at_level(logging.DEBUG):
        await payments.begin(*asked, return_url=BACK, actor=own, now=NOW)
        pay_server.fails = 503
        with pytest.raises(PaymentsUnavailable):
            await payments.settle(*asked, actor=own, now=NOW)
    out = capsys.readouterr()
    logged = out.out + out.err + caplog.text
    assert "status-503" in logged
    assert KEY not in logged
    assert str(jean) not in logged


def test_a_key_that_cannot_be_read_or_is_none_is_said_before_the_service_starts(
    tmp_path: Path,
) -> None:
    http = govuk_pay.connections()
    file = tmp_path / "key"
    for text, words in ((None, "cannot be read"), ("", "no API key"), ("two words", "no API key")):
        if text is not None:
            file.write_text(text)
        with pytest.raises(NotReady) as refused:
            govuk_pay.pay_of(Settings(govuk_pay_key_file=str(file)), http)
        assert words in str(refused.value) or "is not an API key" in str(refused.value)
        assert not text or text not in str(refused.value)
    file.write_text(KEY + "\n")
    assert govuk_pay.pay_of(Settings(govuk_pay_key_file=str(file)), http) is not None
    assert govuk_pay.pay_of(Settings(), http) is None
    plain = Settings(govuk_pay_key_file=str(file), govuk_pay_url="http://pay.example")
    with pytest.raises(NotReady, match="not reached by HTTPS"):
        govuk_pay.pay_of(plain, http)
