"""Residents sign in by a code sent to their address."""

import asyncio
import re
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import func, select, text, update

from cardservice.database import Database
from identity import accounts, outbox, sessions, signin
from identity.codes import CodeRefused, CodeSent, WhyCodeRefused
from identity.contacts import Channel, Contact
from identity.devices import Browser
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn, SignedInSession
from identity.signin import NoAccount
from identity.signin_models import KnownDevice, OneTimeCode, Session
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

JEANS = "jean@example.com"
STRANGERS = "nobody@example.com"
LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
WRONG = CodeRefused(WhyCodeRefused.WRONG)
NO_LONGER = CodeRefused(WhyCodeRefused.NO_LONGER_VALID)


@pytest.fixture
async def database(identity_database: Database, vault: Vault) -> Database:
    async with identity_database.transaction() as session:
        await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
    return identity_database


async def ask(
    database: Database, vault: Vault, email: str = JEANS, *, now: datetime = NOW
) -> CodeSent:
    async with database.transaction() as session:
        return await signin.send_code(session, vault, email, now=now)


async def newest_code(database: Database, vault: Vault) -> str:
    async with database.transaction() as session:
        sent = await outbox.messages(session, vault)
        message = next(each for each in sent if each.kind == "sign-in-code")
    found = re.search(r"code is ([0-9]{4}) ([0-9]{4})\.", message.text)
    assert found is not None
    return found[1] + found[2]


async def redeem(
    database: Database, vault: Vault, code: str, *, email: str = JEANS, now: datetime = NOW
) -> SignedIn | NoAccount | CodeRefused:
    async with database.transaction() as session:
        answer = await signin.redeem_code(session, vault, email, code, browser=LAPTOP, now=now)
    assert not isinstance(answer, CodeNeeded)
    return answer


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def test_a_resident_signs_in_with_the_code_from_their_message(
    database: Database, vault: Vault
) -> None:
    assert await ask(database, vault) == CodeSent(NOW + timedelta(minutes=10))
    signed_in = await redeem(database, vault, await newest_code(database, vault))
    assert isinstance(signed_in, SignedIn)
    async with database.transaction() as session:
        found = await sessions.look_up(session, signed_in.token, now=NOW)
        sent = await outbox.messages(session, vault)
        actions = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert isinstance(found, SignedInSession)
    assert found.actor == signed_in.actor
    assert {(message.to, message.kind) for message in sent} == {
        (JEANS, "sign-in-code"),
        (JEANS, "new-device"),
    }
    assert actions[1:] == ["sign-in-code-sent", "resident-signed-in"]


async def test_case_and_spaces_of_address_and_code_do_not_matter(
    database: Database, vault: Vault
) -> None:
    await ask(database, vault, " JEAN@example.com ")
    code = await newest_code(database, vault)
    signed_in = await redeem(database, vault, f" {code[:4]} {code[4:]} ", email="Jean@Example.Com")
    assert isinstance(signed_in, SignedIn)


async def test_a_code_works_once(database: Database, vault: Vault) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    assert isinstance(await redeem(database, vault, code), SignedIn)
    assert await redeem(database, vault, code) == NO_LONGER


async def test_of_ten_who_redeem_one_code_at_once_exactly_one_is_signed_in(
    database: Database, vault: Vault
) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    answers = await asyncio.gather(*(redeem(database, vault, code) for _ in range(10)))
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Session)) == 1


@pytest.mark.parametrize(("seconds", "works"), [(599, True), (600, False)])
async def test_a_code_lasts_ten_minutes(
    database: Database, vault: Vault, seconds: int, *, works: bool
) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    answer = await redeem(database, vault, code, now=NOW + timedelta(seconds=seconds))
    assert isinstance(answer, SignedIn) if works else answer == NO_LONGER


@pytest.mark.parametrize(("failures", "works"), [(4, True), (5, False)])
async def test_a_code_can_be_tried_five_times(
    database: Database, vault: Vault, failures: int, *, works: bool
) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    for _ in range(failures):
        assert await redeem(database, vault, other_than(code)) == WRONG
    answer = await redeem(database, vault, code)
    assert isinstance(answer, SignedIn) if works else answer == NO_LONGER


async def test_only_the_newest_code_works(database: Database, vault: Vault) -> None:
    await ask(database, vault)
    first = await newest_code(database, vault)
    await ask(database, vault, now=NOW + timedelta(seconds=1))
    second = await newest_code(database, vault)
    async with database.transaction() as session:
        usable = select(OneTimeCode.created_at).where(OneTimeCode.superseded_at.is_(None))
        assert (await session.scalars(usable)).all() == [NOW + timedelta(seconds=1)]
    assert await redeem(database, vault, first) == WRONG
    assert isinstance(await redeem(database, vault, second), SignedIn)


async def test_a_code_works_in_the_browser_that_asked_for_it_and_in_no_other(
    database: Database, vault: Vault
) -> None:
    async with database.transaction() as session:
        await signin.send_code(session, vault, JEANS, browser=LAPTOP, now=NOW)
    code = await newest_code(database, vault)
    stranger = Browser("Firefox on Windows", "another cookie")
    async with database.transaction() as session:
        answer = await signin.redeem_code(session, vault, JEANS, code, browser=stranger, now=NOW)
    assert answer == NO_LONGER
    assert isinstance(await redeem(database, vault, code), SignedIn)


async def test_a_code_works_for_its_own_address_only(database: Database, vault: Vault) -> None:
    pat = msgspec.structs.replace(JEAN, given_names="Pat", email="pat@example.com")
    async with database.transaction() as session:
        await accounts.register(session, vault, pat, actor=CLERK, now=NOW)
    await ask(database, vault, "pat@example.com")
    await ask(database, vault, now=NOW + timedelta(seconds=1))
    jeans = await newest_code(database, vault)
    assert await redeem(database, vault, jeans, email="pat@example.com") == WRONG


async def test_known_and_unknown_addresses_are_answered_alike(
    database: Database, vault: Vault
) -> None:
    answers = {}
    for email in (JEANS, STRANGERS):
        said: list[CodeSent | SignedIn | NoAccount | CodeRefused] = [
            await ask(database, vault, email)
        ]
        # Not a code at all, so that it cannot be the right one by chance.
        said += [await redeem(database, vault, "1234567", email=email) for _ in range(6)]
        answers[email] = said
    assert answers[JEANS] == answers[STRANGERS]
    assert answers[JEANS][1:] == [WRONG] * 5 + [NO_LONGER]


async def test_an_unknown_address_gets_its_code_too_and_it_signs_nobody_in(
    database: Database, vault: Vault
) -> None:
    await ask(database, vault, STRANGERS)
    code = await newest_code(database, vault)
    answer = await redeem(database, vault, code, email=STRANGERS)
    assert answer == NoAccount(Contact(Channel.EMAIL, STRANGERS))
    async with database.transaction() as session:
        assert [message.to for message in await outbox.messages(session, vault)] == [STRANGERS]
        assert await session.scalar(select(func.count()).select_from(Session)) == 0


async def test_nothing_goes_to_what_is_no_address(database: Database, vault: Vault) -> None:
    for typed in ("nobody", "a@b", "a b@example.com", "x" * 250 + "@example.com"):
        await ask(database, vault, typed)
    async with database.transaction() as session:
        assert await outbox.messages(session, vault) == ()


async def test_a_sixth_code_in_a_quarter_of_an_hour_is_not_sent_and_the_fifth_still_works(
    database: Database, vault: Vault
) -> None:
    for second in range(5):
        await ask(database, vault, now=NOW + timedelta(seconds=second))
    fifth = await newest_code(database, vault)
    later = NOW + timedelta(seconds=30)
    assert await ask(database, vault, now=later) == CodeSent(later + timedelta(minutes=10))
    async with database.transaction() as session:
        assert len(await outbox.messages(session, vault)) == 5
    assert isinstance(await redeem(database, vault, fifth, now=later), SignedIn)
    await ask(database, vault, now=NOW + timedelta(minutes=15))
    async with database.transaction() as session:
        sent = await outbox.messages(session, vault)
        assert sum(message.kind == "sign-in-code" for message in sent) == 6


@pytest.mark.parametrize("code", ["", "0", "x" * 10_000, "\x00", "\ud800", "１２３４５６７８"])  # noqa: RUF001  (on purpose)
async def test_whatever_is_typed_for_a_code_is_a_wrong_code(
    database: Database, vault: Vault, code: str
) -> None:
    await ask(database, vault)
    assert await redeem(database, vault, code) == WRONG


@pytest.mark.parametrize("email", ["", "\x00", "\ud800", "x" * 10_000, "' OR 1=1 --"])
async def test_whatever_is_typed_for_an_address_is_an_unknown_address(
    database: Database, vault: Vault, email: str
) -> None:
    assert await ask(database, vault, email) == CodeSent(NOW + timedelta(minutes=10))
    assert await redeem(database, vault, "12345678", email=email) == WRONG


async def test_nobody_signs_in_without_having_asked(database: Database, vault: Vault) -> None:
    assert await redeem(database, vault, "12345678") == NO_LONGER


async def test_a_closed_account_is_not_signed_in_even_with_a_code_in_hand(
    database: Database, vault: Vault
) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    async with database.transaction() as session:
        await session.execute(update(Account).values(state=AccountState.CLOSED))
    assert await redeem(database, vault, code) == WRONG
    await ask(database, vault, now=NOW + timedelta(seconds=1))
    async with database.transaction() as session:
        assert len(await outbox.messages(session, vault)) == 1


async def test_the_code_itself_is_not_stored_outside_the_seal(
    database: Database, vault: Vault
) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    stored = ""
    async with database.transaction() as session:
        for table in ("one_time_code", "outbox_message", "audit_row"):
            rows = await session.execute(text(f"SELECT * FROM {table}"))  # noqa: S608  (names above)
            stored += repr([tuple(row) for row in rows])
        assert await session.scalar(select(func.count()).select_from(OneTimeCode)) == 1
    assert code not in stored
    assert code[:4] + " " + code[4:] not in stored
    assert "jean" not in stored


async def test_a_new_device_is_told_of_once_and_a_known_one_is_not(
    database: Database, vault: Vault
) -> None:
    phone = Browser("Safari on iPhone", "the phone's cookie")
    for second, browser in enumerate((LAPTOP, LAPTOP, phone, LAPTOP)):
        await ask(database, vault, now=NOW + timedelta(seconds=second))
        code = await newest_code(database, vault)
        async with database.transaction() as session:
            done = await signin.redeem_code(session, vault, JEANS, code, browser=browser, now=NOW)
            await session.execute(update(OneTimeCode).values(created_at=NOW - timedelta(hours=1)))
            assert isinstance(done, SignedIn)
    async with database.transaction() as session:
        sent = await outbox.messages(session, vault)
    told = sorted(message.text.split(".")[0] for message in sent if message.kind == "new-device")
    assert [text.split("before: ")[1] for text in told] == [
        "Firefox on Windows, on 22 November 2026 at 10:00",
        "Safari on iPhone, on 22 November 2026 at 10:00",
    ]


async def test_a_wrong_code_makes_no_device_known(database: Database, vault: Vault) -> None:
    await ask(database, vault)
    code = await newest_code(database, vault)
    assert await redeem(database, vault, other_than(code)) == WRONG
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(KnownDevice)) == 0
