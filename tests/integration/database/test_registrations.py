"""Residents register themselves; their word decides nothing, and nobody learns who is known."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import event, func, select

from cardservice.database import Database
from entitlements import assessing
from entitlements.decision import NeedsEvidence, NeedsFacts
from identity import accounts, codes, outbox, registrations, signin
from identity.codes import CodeRefused
from identity.contacts import Channel, CodeUse, Contact, mobile_at
from identity.details import SelfAsserted
from identity.devices import Browser
from identity.evidence import Proof
from identity.models import Account, AccountState, OutboxMessage, SightedDocument
from identity.personal import Vault
from identity.registrations import EmailClosed, Faulty, NoRegistration, Pending, TooYoung
from identity.sessions import SignedIn
from identity.signin import NoAccount
from identity.signin_models import PendingRegistration, Session
from tests.support.people import CLERK, COUNCIL_TAX, JEAN, NOW, PASSPORT

MINA = "mina@example.com"
LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
SAID = SelfAsserted(
    given_names="Mina",
    family_name="Weald",
    birth_date="1/3/1950",
    address_lines=("3 Example Street", "Maidstone"),
    postcode="me141xq",
    email="",
)
TYPED = {"given_names": "Mina", "mobile": "07400 123456"}


async def newest_code(database: Database, vault: Vault, use: CodeUse = CodeUse.SIGN_IN) -> str:
    async with database.transaction() as session:
        sent = await outbox.messages(session, vault)
    message = next(each for each in sent if each.kind == codes.KINDS[use])
    return message.text.split(" is ")[1].split(".")[0]


async def proved(database: Database, vault: Vault, email: str = MINA, now: datetime = NOW) -> str:
    """A registration whose e-mail address was proved; its token."""
    async with database.transaction() as session:
        await signin.send_code(session, vault, email, browser=LAPTOP, now=now)
        token = await registrations.begin(session, vault, email, now=now)
    code = await newest_code(database, vault)
    async with database.transaction() as session:
        answer = await signin.redeem_code(session, vault, email, code, browser=LAPTOP, now=now)
        assert isinstance(answer, NoAccount)
        renewed = await registrations.prove(session, token, now=now)
    assert isinstance(renewed, str)
    assert renewed != token
    return renewed


async def finish(
    database: Database,
    vault: Vault,
    token: str,
    said: SelfAsserted = SAID,
    *,
    now: datetime = NOW,
) -> registrations.Finished:
    async with database.transaction() as session:
        return await registrations.finish(
            session, vault, token, said, least_age=16, browser=LAPTOP, now=now
        )


async def look(
    database: Database, vault: Vault, token: str, now: datetime = NOW
) -> Pending | NoRegistration:
    async with database.transaction() as session:
        return await registrations.look_up(session, vault, token, now=now)


def account_of(done: registrations.Finished) -> UUID:
    assert isinstance(done, SignedIn)
    return UUID(done.actor.id)


async def test_an_account_made_alone_decides_nothing_until_documents_were_seen(
    migrated: Database, vault: Vault
) -> None:
    account = account_of(await finish(migrated, vault, await proved(migrated, vault)))
    async with migrated.transaction() as session:
        known = await accounts.known_facts(session, vault, account)
        assert (known.birth_date, known.district_code, known.documents) == (None, None, ())
        decisions = await assessing.assess(session, vault, account, actor=CLERK, now=NOW)
        assert {type(decision) for decision in decisions} <= {NeedsFacts, NeedsEvidence}
        shown, proof = PASSPORT, Proof.IDENTITY
        await accounts.sight_document(session, vault, account, shown, proof, actor=CLERK, now=NOW)
        known = await accounts.known_facts(session, vault, account)
        assert (known.birth_date, known.district_code) == (date(1950, 3, 1), None)
        shown, proof = COUNCIL_TAX, Proof.ADDRESS
        await accounts.sight_document(session, vault, account, shown, proof, actor=CLERK, now=NOW)
        decisions = await assessing.assess(session, vault, account, actor=CLERK, now=NOW)
        outcomes = {decision.scheme: type(decision).__name__ for decision in decisions}
    assert outcomes["library"] == outcomes["travel-older"] == "Eligible"


async def test_the_code_proves_the_address_for_the_account_too(
    migrated: Database, vault: Vault
) -> None:
    account = account_of(await finish(migrated, vault, await proved(migrated, vault)))
    async with migrated.transaction() as session:
        row = await session.get(Account, account)
        assert row is not None
        holder = await accounts.holder_of(session, vault, Contact(Channel.EMAIL, MINA))
        assert holder is row
        assert await session.scalar(select(func.count()).select_from(SightedDocument)) == 0
        kinds = [message.kind for message in await outbox.messages(session, vault)]
    assert sorted(kinds) == ["account-made", "sign-in-code"]


async def test_what_was_typed_is_sealed_kept_for_a_day_and_hidden_after_half_an_hour(
    migrated: Database, vault: Vault
) -> None:
    token = await proved(migrated, vault)
    async with migrated.transaction() as session:
        await registrations.keep(session, vault, token, TYPED, now=NOW)
        row = (await session.scalars(select(PendingRegistration))).one()
        assert b"Mina" not in row.sealed_answers
    paused = await look(migrated, vault, token, NOW + registrations.IDLE)
    assert isinstance(paused, Pending)
    assert (paused.is_proved, paused.typed["given_names"]) == (False, "Mina")
    last = NOW + registrations.KEPT
    assert isinstance(await look(migrated, vault, token, last - timedelta(seconds=1)), Pending)
    assert await look(migrated, vault, token, last) == NoRegistration()
    async with migrated.transaction() as session:
        assert await registrations.forget_expired(session, now=last) == 1


async def test_unproved_nothing_is_finished_but_what_is_typed_is_kept(
    migrated: Database, vault: Vault
) -> None:
    async with migrated.transaction() as session:
        token = await registrations.begin(session, vault, MINA, now=NOW)
        kept = await registrations.keep(session, vault, token, TYPED, now=NOW)
    assert isinstance(kept, Pending)
    assert kept.typed["given_names"] == "Mina"
    assert await finish(migrated, vault, token) == NoRegistration()
    for other in ("", "x", "\ud800"):
        assert await finish(migrated, vault, other) == NoRegistration()


async def test_of_two_who_send_the_last_form_at_once_one_account_is_made_and_both_are_in(
    migrated: Database, vault: Vault
) -> None:
    token = await proved(migrated, vault)
    answers = await asyncio.gather(*(finish(migrated, vault, token) for _ in range(2)))
    assert len({account_of(answer) for answer in answers}) == 1
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Account)) == 1
    late = NOW + registrations.AGAIN + timedelta(seconds=1)
    assert await finish(migrated, vault, token, now=late) == NoRegistration()


async def test_an_address_that_got_an_account_meanwhile_signs_in_to_it(
    migrated: Database, vault: Vault
) -> None:
    later = NOW + timedelta(seconds=1)
    first, second = await proved(migrated, vault), await proved(migrated, vault, now=later)
    made = account_of(await finish(migrated, vault, first))
    assert account_of(await finish(migrated, vault, second, now=later)) == made


async def test_the_address_of_a_closed_account_makes_no_other(
    migrated: Database, vault: Vault
) -> None:
    token = await proved(migrated, vault)
    made = account_of(await finish(migrated, vault, token))
    async with migrated.transaction() as session:
        account = await session.get(Account, made)
        assert account is not None
        account.state = AccountState.CLOSED
        again = await registrations.begin_proved(session, vault, MINA, now=NOW)
    assert await finish(migrated, vault, again) == EmailClosed()


@pytest.mark.parametrize(
    ("born", "answer"),
    [
        ("23/11/2010", TooYoung),
        ("22/11/2010", SignedIn),
        ("29/2/2012", TooYoung),
        ("23/11/2026", Faulty),
        ("1/1/1", Faulty),
        ("31/12/1899", Faulty),
        ("29/2/2011", Faulty),
        ("", Faulty),
    ],
)
async def test_birth_dates_at_every_edge(
    identity_database: Database, vault: Vault, born: str, answer: type
) -> None:
    token = await proved(identity_database, vault)
    said = msgspec.structs.replace(SAID, birth_date=born)
    assert isinstance(await finish(identity_database, vault, token, said), answer)


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        (datetime(2028, 2, 28, 12, tzinfo=UTC), TooYoung),
        (datetime(2028, 2, 29, 0, tzinfo=UTC), SignedIn),
    ],
)
async def test_somebody_born_on_a_leap_day_may_register_from_that_day(
    identity_database: Database, vault: Vault, now: datetime, answer: type
) -> None:
    token = await proved(identity_database, vault, now=now)
    said = msgspec.structs.replace(SAID, birth_date="29/2/2012")
    assert isinstance(await finish(identity_database, vault, token, said, now=now), answer)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"postcode": "SW1A 1AA"}, "postcode"),
        ({"postcode": "ME14"}, "postcode"),
        ({"postcode": "ＭＥ14 1XQ"}, "postcode"),  # noqa: RUF001  (on purpose)
        ({"address_lines": ()}, "address_lines"),
        ({"address_lines": ("x" * 101,)}, "address_lines"),
        ({"given_names": "", "family_name": ""}, "given_names"),
        ({"family_name": "x" * 201}, "family_name"),
        ({"given_names": "a\u202eb"}, "given_names"),
        ({"given_names": "42"}, "given_names"),
    ],
)
async def test_what_cannot_be_is_said_by_field(
    identity_database: Database, vault: Vault, change: dict[str, Any], field: str
) -> None:
    token = await proved(identity_database, vault)
    said = msgspec.structs.replace(SAID, **change)
    answer = await finish(identity_database, vault, token, said)
    assert isinstance(answer, Faulty)
    assert set(answer.faults) == {field}
    async with identity_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Account)) == 0


@pytest.mark.parametrize(
    ("given", "family"),
    [("X", ""), ("", "X"), ("ליאור", "כהן"), ("محمد", ""), ("x" * 200, "y" * 200), ("Zoë", "Ó")],
)
async def test_every_name_people_have_is_taken(
    identity_database: Database, vault: Vault, given: str, family: str
) -> None:
    token = await proved(identity_database, vault)
    said = msgspec.structs.replace(SAID, given_names=given, family_name=family)
    account = account_of(await finish(identity_database, vault, token, said))
    async with identity_database.transaction() as session:
        person = await accounts.person(
            session, vault, account, actor=CLERK, reason="to see the name", now=NOW
        )
    assert (person.given_names, person.family_name) == (given, family)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that are run, as the database gets them."""
    seen: list[str] = []

    def note(_c: object, _cu: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def asking(database: Database, vault: Vault, to: Contact) -> list[str]:
    with statements(database) as seen:
        async with database.transaction() as session:
            await signin.send_code_to(session, vault, to, browser=LAPTOP, now=NOW)
            if to.channel is Channel.EMAIL:
                await registrations.begin(session, vault, to.value, now=NOW)
    return seen


async def failing(database: Database, vault: Vault, to: Contact) -> list[str]:
    with statements(database) as seen:
        async with database.transaction() as session:
            answer = await signin.redeem(session, vault, to, "1", browser=LAPTOP, now=NOW)
            assert isinstance(answer, CodeRefused)
    return seen


async def test_asking_and_failing_is_the_same_work_for_known_and_unknown(
    migrated: Database, vault: Vault
) -> None:
    number = mobile_at("07400 123456")
    async with migrated.transaction() as session:
        await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        said = msgspec.structs.replace(SAID, email="x@example.com", mobile=number.value)
        await accounts.register_self(session, vault, said, now=NOW)
    for known, unknown in (
        (Contact(Channel.EMAIL, JEAN.email), Contact(Channel.EMAIL, MINA)),
        (number, mobile_at("07400 654321")),
    ):
        for do in (asking, failing):
            work = await do(migrated, vault, known)
            assert await do(migrated, vault, unknown) == work
            assert len(work) > 1


async def test_a_text_message_goes_only_to_a_number_we_know(
    migrated: Database, vault: Vault
) -> None:
    async with migrated.transaction() as session:
        await signin.send_code_to(session, vault, mobile_at("07400 654321"), now=NOW)
    async with migrated.transaction() as session:
        assert await outbox.messages(session, vault) == ()
        row = (await session.scalars(select(OutboxMessage))).one()
        assert (row.failure, row.due_at) == (outbox.WITHHELD, None)


async def test_a_mobile_is_proved_by_its_code_and_signs_in_without_an_email(
    migrated: Database, vault: Vault
) -> None:
    token = await proved(migrated, vault)
    number = mobile_at(TYPED["mobile"])
    async with migrated.transaction() as session:
        await registrations.keep(session, vault, token, TYPED, now=NOW)
        await registrations.ask_mobile(session, vault, token, number, now=NOW)
    code = await newest_code(migrated, vault, CodeUse.PROVE)
    async with migrated.transaction() as session:
        told = await registrations.prove_mobile(session, vault, token, number, code, now=NOW)
        assert told is None
    account = account_of(await finish(migrated, vault, token))
    later = NOW + timedelta(seconds=1)
    async with migrated.transaction() as session:
        await signin.send_code_to(session, vault, number, browser=LAPTOP, now=later)
    code = await newest_code(migrated, vault)
    async with migrated.transaction() as session:
        done = await signin.redeem(session, vault, number, code, browser=LAPTOP, now=later)
        methods = await session.scalars(select(Session.methods).order_by(Session.opened_at))
        assert "mobile-code" in methods.all()
    assert isinstance(done, SignedIn)
    assert UUID(done.actor.id) == account


async def test_a_number_that_was_typed_and_not_proved_is_not_kept(
    migrated: Database, vault: Vault
) -> None:
    token = await proved(migrated, vault)
    async with migrated.transaction() as session:
        await registrations.keep(session, vault, token, TYPED, now=NOW)
    account = account_of(await finish(migrated, vault, token))
    async with migrated.transaction() as session:
        row = await session.get(Account, account)
        assert row is not None
        assert row.mobile_index is None


async def test_one_registration_causes_at_most_five_text_messages(
    migrated: Database, vault: Vault
) -> None:
    token = await proved(migrated, vault)
    for last in range(8):
        async with migrated.transaction() as session:
            number = mobile_at(f"07400 12345{last}")
            await registrations.ask_mobile(session, vault, token, number, now=NOW)
    async with migrated.transaction() as session:
        sent = [each for each in await outbox.messages(session, vault) if each.is_text_message]
    assert len(sent) == codes.MOST_CODES
