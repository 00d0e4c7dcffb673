"""A person is erased: nothing in the whole database tells of them, and everybody else is whole."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update

from cardservice import decisions, erasing, issuance, jobs, taps
from cardservice.database import Database
from cardservice.holdings import HOLDINGS
from cardservice.models import Card, CardState
from cardservice.personal_data import TABLES
from entitlements import assessing
from entitlements.models import Grant, ServiceNumber, ServiceRecord
from identity import accounts, addresses, deaths, erasure, four_eyes, outbox, person_keys, signin
from identity.actors import SYSTEM, resident_actor
from identity.audit_check import Intact, verify
from identity.errors import (
    InvalidDetails,
    NoErasureWaits,
    PersonErased,
    RequestDecided,
    WrongAccountState,
)
from identity.evidence import Proof
from identity.keys import FileKeyStore, Purpose
from identity.models import (
    Account,
    AccountState,
    ChangeRequest,
    Erasure,
    ErasureBasis,
    ErasureState,
    OutboxMessage,
    PersonKey,
)
from identity.oidc.models import OidcLogoutNotice
from identity.outbox_files import OutboxFiles
from identity.personal import Vault
from identity.rekeying import Progress, rekey
from identity.signin_models import OneTimeCode
from identity.trail_models import AuditRow
from readers.contract.services import Service
from readers.contract.statuslist import Status
from tests.support.desks import enrolled_desk
from tests.support.lives import (
    AFTER,
    LETTER,
    SUPERVISOR,
    WILL,
    a_full_life,
    card_values,
    site,
    values_of,
)
from tests.support.people import CLERK, JEAN, NOW
from tests.support.whole_database import places_of

GRACE = timedelta(days=14)
OTHER = msgspec.structs.replace(
    JEAN, given_names="Thaddeus", family_name="Okonkwo", email="thad@example.org"
)


class PowerCut(Exception):
    """The run is broken off."""


def files_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.fixture
async def will(migrated: Database, vault: Vault, keystore: FileKeyStore) -> UUID:
    async with migrated.transaction() as session:
        partner = await site(session)
    other = msgspec.structs.replace(OTHER)
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, other, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
    return await a_full_life(migrated, vault, keystore, WILL, partner)


async def asked(database: Database, vault: Vault, person: UUID) -> None:
    async with database.transaction() as session:
        number = (await session.get_one(Account, person)).number
        await erasure.ask(
            session,
            vault,
            person,
            ErasureBasis.RESIDENT,
            grace=GRACE,
            actor=resident_actor(person, number),
            now=NOW,
        )


async def keys_of(database: Database, vault: Vault) -> dict[UUID, bytes]:
    """Every person's key that is still there."""
    async with database.transaction() as session:
        rows = (await session.scalars(select(PersonKey))).all()
    return {
        row.account_id: bytes.fromhex(
            vault.open("person_key", "sealed_key", row.account_id, row.sealed_key)
        )
        for row in rows
        if row.sealed_key is not None
    }


async def found(database: Database, vault: Vault, needles: dict[str, bytes]) -> set[str]:
    keys = await keys_of(database, vault)
    async with database.transaction() as session:
        return await places_of(session, vault, needles, keys)


async def everything(database: Database, vault: Vault, person: UUID) -> dict[str, bytes]:
    async with database.transaction() as session:
        card = (await session.scalars(select(Card).where(Card.account_id == person))).one()
        return values_of(vault, WILL) | card_values(vault, card)


async def test_the_person_has_something_in_every_table_that_holds_something_of_people(
    migrated: Database, vault: Vault, will: UUID
) -> None:
    """Else the tests below would say nothing of that table."""
    await asked(migrated, vault, will)
    async with migrated.transaction() as session:
        empty = {
            holding.table
            for holding in HOLDINGS
            if holding.of is not None
            and not await session.scalar(
                select(func.count()).select_from(holding.model).where(holding.of(will))
            )
        }
    assert empty == {"oidc_logout_notice"}  # there is one when they are signed out


async def test_after_erasure_no_column_of_the_database_tells_of_the_person(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    needles = await everything(migrated, vault, will)
    before = await found(migrated, vault, needles)
    assert {place.split(": ")[1] for place in before} == set(needles), "the search finds each"
    await asked(migrated, vault, will)
    await jobs.seal_taps(migrated, now=NOW)
    done = await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    assert done == jobs.Erasures(1, 0)
    assert await found(migrated, vault, needles) == set()


async def test_a_key_that_a_backup_kept_opens_nothing_either(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    needles = await everything(migrated, vault, will)
    kept = await keys_of(migrated, vault)
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    async with migrated.transaction() as session:
        assert await places_of(session, vault, needles, kept) == set()


async def test_what_was_sealed_before_people_had_keys_is_gone_too(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    async with migrated.transaction() as session:
        address = vault.seal("account", "sealed_given_names", will, WILL.given_names)
        await session.execute(
            update(Account).where(Account.id == will).values(sealed_given_names=address)
        )
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    assert await found(migrated, vault, values_of(vault, WILL)) == set()


async def test_everybody_else_is_as_they_were(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    async with migrated.transaction() as session:
        match = (await accounts.find(session, vault, "Okonkwo", actor=CLERK, now=NOW))[0]
        before = await accounts.person(
            session, vault, match.account_id, actor=CLERK, reason="x", now=NOW
        )
        held = await session.scalar(
            select(func.count()).where(Grant.account_id == match.account_id)
        )
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    async with migrated.transaction() as session:
        after = (await accounts.find(session, vault, "Okonkwo", actor=CLERK, now=AFTER))[0]
        assert after == match
        assert before == await accounts.person(
            session, vault, match.account_id, actor=CLERK, reason="x", now=AFTER
        )
        assert held == await session.scalar(
            select(func.count()).where(Grant.account_id == match.account_id)
        )
        assert (await session.get_one(Account, match.account_id)).state is AccountState.ACTIVE


async def test_the_trail_stays_whole_and_says_that_it_was_done(
    migrated: Database, vault: Vault, keystore: FileKeyStore, will: UUID, tmp_path: Path
) -> None:
    await jobs.seal_taps(migrated, now=NOW)
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    async with migrated.transaction() as session:
        checked = await verify(session, keystore, streams=[taps.STREAM])
        row = (
            await session.scalars(select(AuditRow).where(AuditRow.action == "person-erased"))
        ).one()
    assert isinstance(checked, Intact)
    assert row.subject == f"account:{will}"
    assert row.detail["basis"] == "resident-asked"
    assert row.detail["rows"] > 10


async def test_what_is_kept_says_why_and_nothing_about_the_person(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    async with migrated.transaction() as session:
        account = await session.get_one(Account, will)
        card = (await session.scalars(select(Card).where(Card.account_id == will))).one()
        records = (
            await session.scalars(select(ServiceRecord).where(ServiceRecord.account_id == will))
        ).all()
        grants = (await session.scalars(select(Grant).where(Grant.account_id == will))).all()
        numbers = (
            await session.scalars(select(ServiceNumber).where(ServiceNumber.account_id == will))
        ).all()
        notices = (await session.scalars(select(OidcLogoutNotice))).all()
        number = account.number
        when = await erasure.erased_at(session, number)
        request = (await session.scalars(select(ChangeRequest))).one()
    assert account.state is AccountState.ERASED
    assert account.email_index is None
    assert card.state is CardState.REPLACED
    assert card.sealed_uid is None
    assert {record.status for record in records} == {Status.INVALID.value}
    assert {record.entitlement_class for record in records} == {None}
    assert {grant.service for grant in grants} <= {Service.TRAVEL}
    assert {grant.ended_reason for grant in grants} == {"erased", "withdrawn"}
    assert numbers
    assert len(notices) == 1
    assert when == AFTER
    assert (request.asked_by_id, request.sealed_asked) == (CLERK.id, b"")


async def test_an_erased_record_opens_to_nobody_and_takes_nothing_new(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    async with migrated.transaction() as session:
        number = (await session.get_one(Account, will)).number
        assert await accounts.find(session, vault, number, actor=CLERK, now=AFTER) == ()
        with pytest.raises(PersonErased):
            await accounts.person(session, vault, will, actor=CLERK, reason="x", now=AFTER)
        with pytest.raises(PersonErased):
            await accounts.sight_document(
                session, vault, will, LETTER, Proof.DISABILITY, actor=CLERK, now=AFTER
            )
        with pytest.raises(PersonErased):
            await addresses.set_protected(session, will, protected=True, actor=CLERK, now=AFTER)
        with pytest.raises(PersonErased):
            await deaths.report(
                session, vault, will, "1/11/2026", "tell-us-once", actor=CLERK, now=AFTER
            )
        with pytest.raises(PersonErased):
            (await person_keys.for_writing(session, vault, will)).seal("t", "c", will, "x")
        with pytest.raises(WrongAccountState):
            await erasure.ask(
                session,
                vault,
                will,
                ErasureBasis.RESIDENT,
                grace=GRACE,
                actor=SYSTEM,
                now=AFTER,
            )
        await signin.send_code(session, vault, WILL.email, now=AFTER)
        # As to any address that nobody has: with it somebody may register anew.
        assert [each.kind for each in await outbox.messages(session, vault)] == ["sign-in-code"]
        assert await session.scalar(select(OneTimeCode.account_id)) is None
        registered = await accounts.register(session, vault, WILL, actor=CLERK, now=AFTER)
        assert registered.id != will


async def test_broken_off_in_the_middle_nothing_is_lost_and_the_next_run_does_it(
    migrated: Database,
    vault: Vault,
    will: UUID,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needles = await everything(migrated, vault, will)
    await asked(migrated, vault, will)
    before = await found(migrated, vault, needles)

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "_emptied", cut)  # after the key was destroyed and rows removed
        with pytest.raises(PowerCut):
            async with migrated.transaction() as session:
                await erasing.carry_out(session, vault, will, actor=SYSTEM, now=AFTER)
        assert await jobs.erase_due(migrated, vault, tmp_path, now=AFTER) == jobs.Erasures(0, 1)
    assert await found(migrated, vault, needles) == before
    async with migrated.transaction() as session:
        whole = await accounts.person(session, vault, will, actor=CLERK, reason="x", now=AFTER)
    assert whole.full_name == "Wilhelmina Brockbank"
    assert await jobs.erase_due(migrated, vault, tmp_path, now=AFTER) == jobs.Erasures(1, 0)
    assert await found(migrated, vault, needles) == set()


async def test_written_messages_go_with_the_person(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    await jobs.deliver_messages(migrated, vault, OutboxFiles(tmp_path), now=NOW)
    assert len(files_in(tmp_path)) > 1
    await asked(migrated, vault, will)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    assert files_in(tmp_path) == []


async def test_until_the_time_is_over_it_can_be_stopped_and_the_resident_is_told(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    await asked(migrated, vault, will)
    await asked(migrated, vault, will)  # a double submit
    early = NOW + GRACE - timedelta(seconds=1)
    assert await jobs.erase_due(migrated, vault, tmp_path, now=early) == jobs.Erasures(0, 0)
    async with migrated.transaction() as session:
        await erasure.withdraw(session, vault, will, actor=CLERK, now=early)
        with pytest.raises(NoErasureWaits):
            await erasure.withdraw(session, vault, will, actor=CLERK, now=early)
        with pytest.raises(NoErasureWaits):
            await erasing.carry_out(session, vault, will, actor=SYSTEM, now=AFTER)
        sent = await outbox.messages(session, vault)
        ended = (await session.scalars(select(Erasure))).one()
    assert await jobs.erase_due(migrated, vault, tmp_path, now=AFTER) == jobs.Erasures(0, 0)
    assert ended.state is ErasureState.WITHDRAWN
    told = {message.text: message.to for message in sent if message.kind == erasure.MESSAGE}
    asked_for, stopped = sorted(told, key=lambda text: "will not be erased" in text)
    assert "will be erased on 6 December 2026" in asked_for
    assert "will not be erased" in stopped


async def test_staff_ask_on_behalf_and_a_second_person_decides(
    migrated: Database, vault: Vault, will: UUID
) -> None:
    async with migrated.transaction() as session:
        waits = (await four_eyes.waiting(session))[0]
        await four_eyes.refuse(session, vault, waits.id, "Later", actor=SUPERVISOR, now=NOW)
        made = await erasure.ask_for_resident(
            session, vault, will, "By letter", actor=CLERK, now=NOW
        )
        assert await erasure.waiting(session, will) is None
    async with migrated.transaction() as session:
        await decisions.approve(session, vault, made.id, grace=GRACE, actor=SUPERVISOR, now=NOW)
        waiting = await erasure.waiting(session, will)
        assert waiting is not None
        assert (waiting.basis, waiting.due_at) == (ErasureBasis.STAFF, NOW + GRACE)
        with pytest.raises(WrongAccountState):
            await erasure.ask_for_resident(session, vault, will, "x", actor=CLERK, now=NOW)


async def test_a_record_that_must_be_kept_is_kept_on_a_ground_of_the_law(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    await asked(migrated, vault, will)
    async with migrated.transaction() as session:
        waits = (await four_eyes.waiting(session))[0]
        await four_eyes.refuse(session, vault, waits.id, "Later", actor=SUPERVISOR, now=NOW)
        with pytest.raises(InvalidDetails) as invalid:
            await erasure.ask_to_keep(
                session, vault, will, "audit-trail", " ", actor=CLERK, now=NOW
            )
        assert set(invalid.value.faults) == {"ground", "reason"}
        made = await erasure.ask_to_keep(
            session, vault, will, "fraud", "Case 12 is open", actor=CLERK, now=NOW
        )
    # While two people have not decided, nothing is erased.
    assert await jobs.erase_due(migrated, vault, tmp_path, now=AFTER) == jobs.Erasures(0, 0)
    async with migrated.transaction() as session:
        await decisions.approve(session, vault, made.id, actor=SUPERVISOR, now=AFTER)
        sent = await outbox.messages(session, vault)
        ended = (await session.scalars(select(Erasure))).one()
        with pytest.raises(RequestDecided):
            await decisions.approve(session, vault, made.id, actor=SUPERVISOR, now=AFTER)
    assert (ended.state, ended.ground) == (ErasureState.REFUSED, "fraud")
    assert "Information Commissioner" in sent[0].text
    assert "Article 17(3)(e)" in sent[0].text
    assert "Case 12" not in sent[0].text
    assert await jobs.erase_due(migrated, vault, tmp_path, now=AFTER) == jobs.Erasures(0, 0)


async def test_a_year_after_a_death_the_record_is_erased(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    async with migrated.transaction() as session:
        waits = (await four_eyes.waiting(session))[0]
        await four_eyes.refuse(session, vault, waits.id, "Later", actor=SUPERVISOR, now=NOW)
        made = await deaths.report(
            session, vault, will, "20/11/2026", "death-certificate", actor=CLERK, now=NOW
        )
        await decisions.approve(session, vault, made.id, actor=SUPERVISOR, now=NOW)
    within = NOW + timedelta(days=365)
    await jobs.ask_for_deceased(migrated, vault, now=within)
    assert await jobs.erase_due(migrated, vault, tmp_path, now=within) == jobs.Erasures(0, 0)
    after = within + timedelta(seconds=1)
    await jobs.ask_for_deceased(migrated, vault, now=after)
    assert await jobs.erase_due(migrated, vault, tmp_path, now=after) == jobs.Erasures(1, 0)
    async with migrated.transaction() as session:
        done = (await session.scalars(select(Erasure))).one()
        assert (done.basis, done.state) == (ErasureBasis.DECEASED, ErasureState.DONE)
        assert await session.scalar(select(func.count(OutboxMessage.id))) == 0


async def test_two_who_are_erased_and_an_order_that_waits_do_not_hinder_one_another(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    async with migrated.transaction() as session:
        other = (await accounts.find(session, vault, "Okonkwo", actor=CLERK, now=NOW))[0].account_id
        desk = await enrolled_desk(session, "the desk", now=NOW)
        await issuance.order(session, vault, other, desk.id, actor=CLERK, now=NOW)
    await asked(migrated, vault, will)
    await asked(migrated, vault, other)
    assert await jobs.erase_due(migrated, vault, tmp_path, now=AFTER) == jobs.Erasures(2, 0)
    async with migrated.transaction() as session:
        cards = (await session.scalars(select(Card).where(Card.account_id == other))).all()
        assert [card.state for card in cards] == [CardState.DESTROYED]
        assert await issuance.waiting_at(session, desk.id) is None


async def test_two_workers_at_once_erase_once_and_neither_fails(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    await asked(migrated, vault, will)
    both = await asyncio.gather(
        *(jobs.erase_due(migrated, vault, tmp_path, now=AFTER) for _ in range(2))
    )
    assert sorted(both, key=lambda one: one.done) == [jobs.Erasures(0, 0), jobs.Erasures(1, 0)]


async def test_new_keys_reach_everybody_who_is_left(migrated: Database, tmp_path: Path) -> None:
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    vault = Vault(store)
    async with migrated.transaction() as session:
        for one in (WILL, OTHER):
            await accounts.register(session, vault, one, actor=CLERK, now=NOW)
        gone = (await accounts.find(session, vault, "Brockbank", actor=CLERK, now=NOW))[0]
    await asked(migrated, vault, gone.account_id)
    await jobs.erase_due(migrated, vault, tmp_path, now=AFTER)
    for purpose in (Purpose.DATA, Purpose.INDEX):
        store.rotate(purpose, now=AFTER)
    steps = [one async for one in rekey(migrated.transaction, vault, TABLES)]
    assert steps == [Progress(0, 1), Progress(1, 0)]
    async with migrated.transaction() as session:
        assert len(await accounts.find(session, vault, "Okonkwo", actor=CLERK, now=AFTER)) == 1
