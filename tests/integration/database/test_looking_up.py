"""A resident gives a number; a register answers over a real socket; the rule goes on from it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update

from cardservice.database import Database
from entitlements import application_records as records
from entitlements import (
    conclusions,
    evidence_records,
    grants,
    judging,
    looking_up,
    register_https,
)
from entitlements.application_models import Application, ApplicationState
from entitlements.errors import EvidenceJudged
from entitlements.evidence_models import (
    ApplicationEvidence,
    EvidenceHow,
    EvidenceOutcome,
    ReferenceQuestion,
)
from entitlements.looking_up import MOST_A_DAY, WAITS, NotAsked, Turn
from entitlements.register_https import HttpsRegister
from identity import outbox, person_keys
from identity.actors import ActorKind
from identity.evidence import DocumentShown
from identity.models import Account, AccountState, SightedDocument
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.applicants import KEEP, SCHEME, applied, colleague, herself
from tests.support.people import JEAN, NOW
from tests.support.receiver import Receiver, receiver

KIND = "pip-moving-around"
NUMBER = "QQ123456C"
YES = {"answer": "found", "kind": KIND, "dated": "2026-11-01", "until": None}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        running.status, running.media = 200, "application/json"
        running.says = msgspec.json.encode(YES)
        yield running


async def given(
    database: Database, vault: Vault, application_id: UUID, kind: str = KIND, *, at: datetime = NOW
) -> ApplicationEvidence | NotAsked:
    async with database.transaction() as session:
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, row.account_id))
        return await looking_up.give(session, vault, row, kind, NUMBER, actor=own, now=at)


async def asked(
    database: Database, vault: Vault, there: Receiver, at: datetime = NOW, seconds: float = 5
) -> Turn:
    async with register_https.connections() as http:
        register = HttpsRegister(KIND, there.url, "token", http, seconds=seconds)
        return await looking_up.ask_due(database.transaction, vault, {KIND: register}, now=at)


async def the_row(database: Database) -> ApplicationEvidence:
    async with database.transaction() as session:
        return (await session.scalars(select(ApplicationEvidence))).one()


async def waiting(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count(ReferenceQuestion.id))) or 0


async def test_what_a_register_finds_is_accepted_and_the_decision_follows(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    account_id, application_id = await applied(migrated, vault)
    assert isinstance(await given(migrated, vault, application_id), ApplicationEvidence)
    assert await asked(migrated, vault, there) == Turn(1, 0, 0)
    row = await the_row(migrated)
    assert (row.how, row.outcome) == (EvidenceHow.REFERENCE, EvidenceOutcome.ACCEPTED)
    assert (row.judged_at, row.judged_by_label) == (NOW, "A register we asked")
    async with migrated.transaction() as session:
        application = await session.get_one(Application, application_id)
        assert application.state is ApplicationState.GRANTED
        assert SCHEME in {
            one.scheme for one in await grants.current(session, account_id, NOW.date())
        }
        trail = await session.scalars(
            select(AuditRow.action).where(AuditRow.actor_kind == ActorKind.SYSTEM)
        )
        assert {"register-asked", "application-looked-up", "evidence-accepted"} <= set(trail)
    assert await waiting(migrated) == 0  # the number is kept no longer than it is needed


async def test_what_goes_out_is_the_number_the_name_and_the_birth_date(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    _, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    await asked(migrated, vault, there)
    (came,) = there.received
    sent = msgspec.json.decode(came.body)
    assert set(sent) == {"kind", "reference", "family_name", "birth_date"}
    assert sent["reference"] == NUMBER


async def test_nothing_in_the_trail_says_which_register_or_by_what_number(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    _, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    await asked(migrated, vault, there)
    async with migrated.transaction() as session:
        rows = (await session.scalars(select(AuditRow))).all()
        text = " ".join(f"{row.action} {row.actor_id} {row.detail}" for row in rows)
    assert NUMBER not in text
    assert KIND not in text
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        pieces = await evidence_records.of_application(session, vault, row)
        assert [each.said.kind for each in pieces] == [KIND]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ({"answer": "not-found"}, "did not find you"),
        (YES | {"dated": "2025-11-01"}, "within the last 12 months"),
        (YES | {"dated": "2026-12-24"}, "must not be in the future"),
        (YES | {"dated": None}, "Enter the date"),
        (YES | {"until": "2026-11-01"}, "has expired"),
    ],
)
async def test_what_is_not_found_or_too_old_is_refused_with_what_to_do_instead(
    migrated: Database, vault: Vault, there: Receiver, says: dict[str, str | None], why: str
) -> None:
    account_id, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    there.says = msgspec.json.encode(says)
    assert await asked(migrated, vault, there) == Turn(1, 0, 0)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        assert row.state is ApplicationState.EVIDENCE_WANTED  # it goes on by a file or at a desk
        (piece,) = await evidence_records.of_application(session, vault, row)
        assert piece.row.outcome is EvidenceOutcome.REFUSED
        assert why in piece.reason
        assert "Send a photo" in piece.reason
        documents = select(func.count(SightedDocument.id)).where(
            SightedDocument.account_id == account_id
        )
        assert await session.scalar(documents) == 2  # those she registered with
        told = [each.kind for each in await outbox.messages(session, vault)]
        assert told.count("evidence-refused") == 1


async def test_no_answer_is_asked_for_again_and_given_up_in_the_end_and_never_a_yes(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    _, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    there.behaves, at = "rubbish", NOW
    for wait in WAITS:
        assert await asked(migrated, vault, there, at) == Turn(0, 1, 0)
        assert await asked(migrated, vault, there, at) == Turn(0, 0, 0)
        at += wait
    assert await asked(migrated, vault, there, at) == Turn(0, 0, 1)
    assert (await the_row(migrated)).outcome is EvidenceOutcome.REFUSED
    assert await waiting(migrated) == 0
    assert len(there.received) == len(WAITS) + 1


async def test_a_register_that_recovers_answers_late(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    _, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    there.behaves = "silent"
    assert await asked(migrated, vault, there, seconds=0.2) == Turn(0, 1, 0)
    there.behaves = "well"
    assert await asked(migrated, vault, there, NOW + WAITS[0]) == Turn(1, 0, 0)
    assert (await the_row(migrated)).outcome is EvidenceOutcome.ACCEPTED


async def test_a_register_that_is_not_configured_any_more_is_given_up(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    done = await looking_up.ask_due(migrated.transaction, vault, {}, now=NOW)
    assert done == Turn(0, 0, 1)
    assert (await the_row(migrated)).outcome is EvidenceOutcome.REFUSED


async def test_nobody_is_asked_about_what_was_withdrawn_or_about_the_dead(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    account_id, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, account_id))
        await conclusions.withdraw(session, vault, row, actor=own, now=NOW)
    assert await asked(migrated, vault, there) == Turn(0, 0, 0)
    assert there.received == []
    assert await waiting(migrated) == 0


async def test_of_the_dead_no_register_is_asked(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    account_id, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    async with migrated.transaction() as session:
        (await session.get_one(Account, account_id)).state = AccountState.CLOSED
    await asked(migrated, vault, there)
    assert there.received == []


async def test_numbers_cannot_be_tried_out(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    _, application_id = await applied(migrated, vault)
    there.says = b'{"answer":"not-found"}'
    for _ in range(MOST_A_DAY):
        assert isinstance(await given(migrated, vault, application_id), ApplicationEvidence)
        assert await given(migrated, vault, application_id) is NotAsked.ASKED_ALREADY
        await asked(migrated, vault, there)
    assert await given(migrated, vault, application_id) is NotAsked.TOO_OFTEN
    tomorrow = NOW + timedelta(days=1, seconds=1)
    again = await given(migrated, vault, application_id, at=tomorrow)
    assert isinstance(again, ApplicationEvidence)


async def test_an_officer_does_not_judge_what_a_register_is_asked(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    row = await given(migrated, vault, application_id)
    assert isinstance(row, ApplicationEvidence)
    officer = await colleague(migrated, "olga")
    shown = DocumentShown("", dated_on=date(2026, 11, 1))
    async with migrated.transaction() as session:
        application = await session.get_one(Application, application_id)
        with pytest.raises(EvidenceJudged):
            await judging.accept(
                session, vault, application, row.id, shown, keep=KEEP, actor=officer, now=NOW
            )


async def test_the_resident_sees_that_they_agreed_and_who_was_asked(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    _, application_id = await applied(migrated, vault)
    await given(migrated, vault, application_id)
    await asked(migrated, vault, there)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        personal = await person_keys.for_reading(session, vault, row.account_id)
        events = await records.events_of(session, application_id)
        said = {each.what: records.words_of(personal, each) for each in events}
    assert said["evidence-given"] == "It was agreed that we ask the register by that number"
    assert said["looked-up"] == "127.0.0.1"


async def test_one_persons_damage_keeps_nobody_else_from_being_looked_up(
    migrated: Database, vault: Vault, there: Receiver
) -> None:
    damaged, first = await applied(migrated, vault)
    other = msgspec.structs.replace(JEAN, given_names="Ned", email="ned@example.com")
    _, second = await applied(migrated, vault, other)
    for application_id in (first, second):
        await given(migrated, vault, application_id)
    async with migrated.transaction() as session:
        spoil = update(SightedDocument).where(SightedDocument.account_id == damaged)
        await session.execute(spoil.values(sealed_particulars=b"\x02 damaged"))
    assert await asked(migrated, vault, there) == Turn(1, 1, 0)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, second)
        assert row.state is ApplicationState.GRANTED
