"""Corrections and deaths: asked for by one, decided by another, and everything follows at once."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import decisions, issuance, lifecycle, replacement
from cardservice.database import Database
from cardservice.errors import MoveNotAllowed
from cardservice.models import Card, CardState
from entitlements import assessing, grants, issuing
from entitlements.issuing import Carrier
from entitlements.models import Holder
from entitlements.status import listed
from identity import accounts, corrections, deaths, four_eyes, outbox, sessions, signin
from identity.actors import Actor, staff_actor
from identity.corrections import Correction
from identity.errors import (
    InvalidDetails,
    NoSuchAccount,
    RequestDecided,
    RequestWaits,
    SecondPersonNeeded,
    WrongAccountState,
)
from identity.evidence import DocumentShown
from identity.keys import FileKeyStore
from identity.models import ChangeRequest, OutboxMessage, RequestKind, RequestState, SightedDocument
from identity.personal import Vault
from identity.sessions import NotSignedIn
from identity.signin_models import SessionKind
from identity.trail_models import AuditRow
from readers.contract.statuslist import Status
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, COUNCIL_TAX, JEAN, NOW, PASSPORT

SUPERVISOR: Actor = staff_actor(UUID("7c6f3a52-6f0c-4f7e-9a56-0d3c8b1f2a22"), "Omar Reed")
RENAMED = Correction(
    given_names="Jean", family_name="Weald", birth_date="30/07/1960", document=PASSPORT
)


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


async def asked_correction(database: Database, vault: Vault, jean: UUID) -> UUID:
    async with database.transaction() as session:
        made = await corrections.request(session, vault, jean, RENAMED, actor=CLERK, now=NOW)
        return made.id


async def asked_death(database: Database, vault: Vault, jean: UUID) -> UUID:
    async with database.transaction() as session:
        made = await deaths.report(
            session, vault, jean, "20/11/2026", "death-certificate", actor=CLERK, now=NOW
        )
        return made.id


async def approved(
    database: Database, vault: Vault, request_id: UUID, actor: Actor = SUPERVISOR
) -> None:
    async with database.transaction() as session:
        await decisions.approve(session, vault, request_id, actor=actor, now=NOW)


async def died(database: Database, vault: Vault, jean: UUID) -> None:
    await approved(database, vault, await asked_death(database, vault, jean))


async def undone(database: Database, vault: Vault, jean: UUID) -> None:
    async with database.transaction() as session:
        made = await deaths.report_false(
            session, vault, jean, "They came to the desk", actor=CLERK, now=NOW
        )
    await approved(database, vault, made.id)


async def issued(
    *, session_of: AsyncSession, keystore: FileKeyStore, jean: UUID, card: Card
) -> None:
    """Records of the card, as they are out on it."""
    await issuing.issue_records(
        session_of,
        keystore,
        Carrier(jean, card.id, card.id.bytes[:7]),
        institution="1234",
        everything=True,
        actor=CLERK,
        now=NOW,
    )


async def test_nothing_changes_until_a_second_person_has_approved(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    request = await asked_correction(migrated, vault, jean)
    async with migrated.transaction() as session:
        before = await accounts.person(session, vault, jean, actor=CLERK, reason="x", now=NOW)
        version = (await session.get_one(Holder, jean)).version
    assert before.full_name == "Jean O'Malley"
    await approved(migrated, vault, request)
    async with migrated.transaction() as session:
        after = await accounts.person(session, vault, jean, actor=CLERK, reason="x", now=NOW)
        by_new = await accounts.find(session, vault, "Weald", actor=CLERK, now=NOW)
        by_date = await accounts.find(session, vault, "30/07/1960", actor=CLERK, now=NOW)
        by_old = await accounts.find(session, vault, "O'Malley", actor=CLERK, now=NOW)
        actions = list(
            await session.scalars(
                select(AuditRow.action)
                .where(AuditRow.subject == f"account:{jean}", AuditRow.actor_id == SUPERVISOR.id)
                .order_by(AuditRow.id)
            )
        )
        raised = (await session.get_one(Holder, jean)).version
    assert (after.full_name, after.birth_date) == ("Jean Weald", date(1960, 7, 30))
    assert len(after.documents) == 3
    assert [match.account_id for match in by_new] == [jean]
    assert [match.account_id for match in by_date] == [jean]
    assert by_old == ()
    assert raised > version
    assert actions[:2] == ["request-approved", "account-corrected"]


async def test_nobody_decides_what_they_asked_for(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    request = await asked_correction(migrated, vault, jean)
    with pytest.raises(SecondPersonNeeded):
        await approved(migrated, vault, request, CLERK)
    async with migrated.transaction() as session:
        with pytest.raises(SecondPersonNeeded):
            await four_eyes.refuse(session, vault, request, "No", actor=CLERK, now=NOW)
    with pytest.raises(IntegrityError):
        async with migrated.transaction() as session:
            await session.execute(
                update(ChangeRequest).values(
                    state=RequestState.APPROVED, decided_by_id=ChangeRequest.asked_by_id
                )
            )


async def test_a_refusal_has_a_reason_and_changes_nothing(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    request = await asked_correction(migrated, vault, jean)
    for reason in ("", "  ", "x" * 201, "a\x00b"):
        async with migrated.transaction() as session:
            with pytest.raises(InvalidDetails):
                await four_eyes.refuse(session, vault, request, reason, actor=SUPERVISOR, now=NOW)
    async with migrated.transaction() as session:
        await four_eyes.refuse(
            session, vault, request, "The passport is not hers", actor=SUPERVISOR, now=NOW
        )
    async with migrated.transaction() as session:
        row = await session.get_one(ChangeRequest, request)
        person = await accounts.person(session, vault, jean, actor=CLERK, reason="x", now=NOW)
        assert await four_eyes.waiting(session) == []
    assert row.state is RequestState.REFUSED
    assert row.sealed_reason is not None
    assert b"passport" not in row.sealed_reason
    assert person.full_name == "Jean O'Malley"
    with pytest.raises(RequestDecided):
        await approved(migrated, vault, request)


async def test_of_two_who_approve_at_once_one_does(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    request = await asked_correction(migrated, vault, jean)
    other = staff_actor(UUID(int=9), "Ann Other")
    answers = await asyncio.gather(
        approved(migrated, vault, request),
        approved(migrated, vault, request, other),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "RequestDecided"]


async def test_an_account_has_one_request_at_a_time(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    await asked_correction(migrated, vault, jean)
    with pytest.raises(RequestWaits):
        await asked_death(migrated, vault, jean)


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"given_names": " ", "family_name": ""}, {"given_names"}),
        ({"birth_date": "1/1/2027"}, {"birth_date"}),
        ({"birth_date": "29/02/1961"}, {"birth_date"}),
        ({"birth_date": "1/1/0001"}, {"birth_date"}),
        ({"document": COUNCIL_TAX}, {"document.kind"}),
        ({"document": DocumentShown(""), "birth_date": ""}, {"document.kind", "birth_date"}),
    ],
)
async def test_every_fault_of_a_correction_is_said_and_nothing_is_stored(
    migrated: Database, vault: Vault, jean: UUID, changed: dict[str, object], fields: set[str]
) -> None:
    typed = msgspec.structs.replace(RENAMED, **changed)
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails) as raised:
            await corrections.request(session, vault, jean, typed, actor=CLERK, now=NOW)
    assert set(raised.value.faults) == fields
    async with migrated.transaction() as session:
        assert await four_eyes.waiting(session) == []
        assert await session.scalar(select(func.count()).select_from(SightedDocument)) == 2


async def test_a_death_ends_sign_in_card_post_and_entitlements_at_once(
    migrated: Database, vault: Vault, jean: UUID, keystore: FileKeyStore
) -> None:
    async with migrated.transaction() as session:
        desk = await enrolled_desk(session, "desk", now=NOW)
        await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)
        card = await make_ordered_card(session, vault, str(jean), now=NOW)
        await issued(session_of=session, keystore=keystore, jean=jean, card=card)
        token = await sessions.open_session(session, jean, SessionKind.RESIDENT, now=NOW)
        await signin.send_code(session, vault, JEAN.email, now=NOW)
        outbox.queue(session, vault, "ann@example.com", "note", "Hello", now=NOW)
    await died(migrated, vault, jean)
    async with migrated.transaction() as session:
        assert isinstance(await sessions.look_up(session, token, now=NOW), NotSignedIn)
        assert [message.to for message in await outbox.messages(session, vault)] == [
            "ann@example.com"
        ]
        await signin.send_code(session, vault, JEAN.email, now=NOW + timedelta(hours=1))
        withheld = OutboxMessage.failure == outbox.WITHHELD
        waiting = select(func.count()).select_from(OutboxMessage).where(~withheld.is_(True))
        assert await session.scalar(waiting) == 1
        assert len(await outbox.messages(session, vault)) == 1
        assert list(await grants.current(session, jean, NOW.date())) == []
        assert set(await session.scalars(select(listed))) == {Status.SUSPENDED.value}
        found = await lifecycle.live_card(session, jean)
        assert found is not None
        assert found.state is CardState.ACTIVE


async def test_a_false_report_is_undone_and_the_card_works_again(
    migrated: Database, vault: Vault, jean: UUID, keystore: FileKeyStore
) -> None:
    async with migrated.transaction() as session:
        desk = await enrolled_desk(session, "desk", now=NOW)
        await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)
        card = await make_ordered_card(session, vault, str(jean), now=NOW)
        await issued(session_of=session, keystore=keystore, jean=jean, card=card)
    await died(migrated, vault, jean)
    await undone(migrated, vault, jean)
    async with migrated.transaction() as session:
        held = {each.scheme for each in await grants.current(session, jean, NOW.date())}
        assert set(await session.scalars(select(listed))) == {Status.VALID.value}
        token = await sessions.open_session(session, jean, SessionKind.RESIDENT, now=NOW)
    async with migrated.transaction() as session:
        assert not isinstance(await sessions.look_up(session, token, now=NOW), NotSignedIn)
    assert held == {"library"}


async def test_a_lost_card_stays_refused_when_a_false_report_is_undone(
    migrated: Database, vault: Vault, jean: UUID, keystore: FileKeyStore
) -> None:
    async with migrated.transaction() as session:
        desk = await enrolled_desk(session, "desk", now=NOW)
        await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)
        card = await make_ordered_card(session, vault, str(jean), now=NOW)
        await issued(session_of=session, keystore=keystore, jean=jean, card=card)
        await replacement.report_lost(session, card.id, actor=CLERK, now=NOW)
    await died(migrated, vault, jean)
    async with migrated.transaction() as session:
        with pytest.raises(MoveNotAllowed):
            await replacement.found(session, card.id, actor=CLERK, now=NOW)
    await undone(migrated, vault, jean)
    async with migrated.transaction() as session:
        assert set(await session.scalars(select(listed))) == {Status.SUSPENDED.value}


async def test_no_card_is_made_for_somebody_who_died(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        desk = await enrolled_desk(session, "desk", now=NOW)
        await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)
    await died(migrated, vault, jean)
    async with migrated.transaction() as session:
        assert (await session.scalars(select(Card.state))).one() is CardState.DESTROYED
        with pytest.raises(MoveNotAllowed):
            await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)


async def test_what_makes_no_sense_for_the_account_is_refused(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        for day, evidence, fields in (
            ("", "", {"died_on", "evidence"}),
            ("23/11/2026", "death-certificate", {"died_on"}),
            ("20/11/2026", "hearsay", {"evidence"}),
        ):
            with pytest.raises(InvalidDetails) as raised:
                await deaths.report(session, vault, jean, day, evidence, actor=CLERK, now=NOW)
            assert set(raised.value.faults) == fields
        with pytest.raises(WrongAccountState):
            await deaths.report_false(session, vault, jean, "Alive", actor=CLERK, now=NOW)
        with pytest.raises(NoSuchAccount):
            await deaths.report(
                session, vault, UUID(int=7), NOW.date(), "tell-us-once", actor=CLERK, now=NOW
            )
    await died(migrated, vault, jean)
    with pytest.raises(WrongAccountState):
        await asked_death(migrated, vault, jean)
    with pytest.raises(WrongAccountState):
        await asked_correction(migrated, vault, jean)


async def test_what_is_asked_is_sealed(migrated: Database, vault: Vault, jean: UUID) -> None:
    request = await asked_correction(migrated, vault, jean)
    async with migrated.transaction() as session:
        row = await session.get_one(ChangeRequest, request)
        asked = await corrections.asked_of(session, vault, row)
    assert b"Weald" not in row.sealed_asked
    assert (asked.family_name, row.kind) == ("Weald", RequestKind.CORRECTION)
