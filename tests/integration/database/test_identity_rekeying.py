"""A key of each person's own; everything brought to new keys while everybody goes on working."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, inspect, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from identity import accounts, outbox, person_keys, rekeying, staff, staff_contact
from identity.errors import InvalidDetails, PersonErased, SealBroken, UnknownKey
from identity.evidence import DocumentShown, Proof
from identity.keys import FileKeyStore, Purpose
from identity.models import (
    Account,
    Address,
    NameForm,
    NamePart,
    OutboxMessage,
    PersonKey,
    StaffMember,
    StaffRole,
)
from identity.personal import PersonVault, Vault
from identity.rekeying import TABLES, Progress, rekey, rekey_some
from identity.signin_models import StaffTotp
from tests.support.people import CLERK, JEAN, NOW, OWN

PASSPHRASE = "a passphrase for tests"
NOT_ONE_PERSONS = {
    "person_key",
    "outbox_message",
    "pending_registration",
    "staff_member",
    "staff_totp",
    "staff_sign_in",
    "account_totp",
}


class PowerCut(Exception):
    """The run is broken off."""


@pytest.fixture
def store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore.initialise(tmp_path / "keys", PASSPHRASE, now=NOW)


async def register(database: Database, vault: Vault, count: int) -> list[Account]:
    people = [
        msgspec.structs.replace(
            JEAN, given_names=f"Jean{number}", email=f"jean{number}@example.com"
        )
        for number in range(count)
    ]
    async with database.transaction() as session:
        return [
            await accounts.register(session, vault, one, actor=CLERK, now=NOW) for one in people
        ]


async def finish(database: Database, vault: Vault) -> list[Progress]:
    return [progress async for progress in rekey(database.transaction, vault)]


async def everybody_is_read_and_found(
    database: Database, vault: Vault, people: list[Account]
) -> None:
    async with database.transaction() as session:
        for number, account in enumerate(people):
            read = await accounts.person(
                session, vault, account.id, actor=CLERK, reason="Asked", now=NOW
            )
            assert read.full_name == f"Jean{number} O'Malley"
            assert (read.email, read.postcode) == (f"jean{number}@example.com", "ME14 1XQ")
            assert len(read.documents) == 2
        for query in ("jean0 omaley", "31/07/1960", "ME14 1XQ"):
            shown = await accounts.find(session, vault, query, actor=CLERK, now=NOW)
            assert people[0].id in {match.account_id for match in shown}
        again = msgspec.structs.replace(JEAN, email="JEAN0@example.com")
        with pytest.raises(InvalidDetails, match="e-mail"):
            await accounts.register(session, vault, again, actor=CLERK, now=NOW)


async def generations(database: Database) -> set[tuple[int, int]]:
    async with database.transaction() as session:
        rows = await session.execute(select(PersonKey.generation, PersonKey.index_generation))
        return {(row.generation, row.index_generation) for row in rows}


async def unmove(session: AsyncSession, vault: Vault, account: Account) -> None:
    """Put a person back to before people had keys: sealed by the store's key, not in the index."""
    personal = await person_keys.for_reading(session, vault, account.id)
    for table in TABLES:
        owner = getattr(table.model, table.owner)
        for row in await session.scalars(select(table.model).where(owner == account.id)):
            name, row_id = row.__tablename__, row.id  # type: ignore[attr-defined]  # all have one
            for column in rekeying.sealed_columns(table.model):
                if sealed := getattr(row, column):
                    opened = personal.open(name, column, row_id, sealed)
                    setattr(row, column, vault.seal(name, column, row_id, opened))
    await session.flush()
    for model in (PersonKey, NamePart):
        rows = select(model).where(model.account_id == account.id)
        for row in await session.scalars(rows):
            await session.delete(row)


async def test_what_belongs_to_a_person_is_sealed_with_their_own_key(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    (account,) = await register(identity_database, vault, 1)
    async with identity_database.transaction() as session:
        for table in TABLES:
            owner = getattr(table.model, table.owner)
            for row in await session.scalars(select(table.model).where(owner == account.id)):
                for column in rekeying.sealed_columns(table.model):
                    sealed = getattr(row, column)
                    assert sealed is None or PersonVault.is_own(sealed)


def test_every_sealed_column_is_known_to_the_rekeying() -> None:
    known = {table.model.__tablename__ for table in TABLES} | NOT_ONE_PERSONS
    sealed = {
        mapper.class_.__tablename__
        for mapper in Account.registry.mappers
        if mapper.class_.__module__ in OWN
        and any(name.startswith("sealed_") for name in inspect(mapper.class_).columns.keys())  # noqa: SIM118  (no mapping)
    }
    assert sealed == known


async def test_one_persons_key_opens_nobody_else(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    first, second = await register(identity_database, vault, 2)
    async with identity_database.transaction() as session:
        keys = {row.account_id: row for row in await session.scalars(select(PersonKey))}
        keys[second.id].sealed_key = keys[first.id].sealed_key
    async with identity_database.transaction() as session:
        with pytest.raises(SealBroken):
            await accounts.known_facts(session, vault, second.id)


async def test_a_destroyed_key_takes_the_record_with_it(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    first, second = await register(identity_database, vault, 2)
    async with identity_database.transaction() as session:
        key = await session.get_one(PersonKey, first.id)
        key.sealed_key = None
    for purpose in (Purpose.DATA, Purpose.INDEX):
        store.rotate(purpose, now=NOW)
    await finish(identity_database, vault)
    async with identity_database.transaction() as session:
        assert (await accounts.known_facts(session, vault, second.id)).documents
        with pytest.raises(PersonErased):
            await accounts.known_facts(session, vault, first.id)
        with pytest.raises(PersonErased):
            await accounts.sight_document(
                session,
                vault,
                first.id,
                DocumentShown("passport"),
                Proof.IDENTITY,
                actor=CLERK,
                now=NOW,
            )


async def test_people_from_before_are_read_then_moved_and_found(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    people = await register(identity_database, vault, 3)
    async with identity_database.transaction() as session:
        for account in people[:2]:
            await unmove(session, vault, account)
    async with identity_database.transaction() as session:
        assert len(await accounts.documents(session, vault, people[0].id)) == 2
        await accounts.sight_document(
            session,
            vault,
            people[1].id,
            DocumentShown("passport"),
            Proof.IDENTITY,
            actor=CLERK,
            now=NOW + timedelta(hours=1),
        )
        assert len(await accounts.documents(session, vault, people[1].id)) == 3
        assert len(await accounts.find(session, vault, "omalley", actor=CLERK, now=NOW)) == 1
    assert [one.remaining for one in await finish(identity_database, vault)] == [2, 0]
    async with identity_database.transaction() as session:
        assert len(await accounts.find(session, vault, "omalley", actor=CLERK, now=NOW)) == 3
        row = await session.get_one(Account, people[0].id)
        assert PersonVault.is_own(row.sealed_given_names)
    assert await generations(identity_database) == {(1, 1)}


@pytest.mark.parametrize("purpose", [Purpose.DATA, Purpose.INDEX])
async def test_a_rotation_broken_off_anywhere_is_run_again_and_readers_work_throughout(
    identity_database: Database, store: FileKeyStore, purpose: Purpose
) -> None:
    vault = Vault(store)
    people = await register(identity_database, vault, 5)
    store.rotate(purpose, now=NOW)
    await everybody_is_read_and_found(identity_database, vault, people)
    for _ in range(2):
        with pytest.raises(PowerCut):
            await _cut_off(identity_database, vault, after=2)
        await everybody_is_read_and_found(identity_database, vault, people)
    steps = await finish(identity_database, vault)
    assert [one.remaining for one in steps] == [1, 0]
    await everybody_is_read_and_found(identity_database, vault, people)
    assert await generations(identity_database) == {(2, 1) if purpose is Purpose.DATA else (1, 2)}
    assert await finish(identity_database, vault) == [Progress(0, 0)]


async def _cut_off(database: Database, vault: Vault, *, after: int) -> None:
    """Two people are done and committed; the next two are done and lost."""
    async with database.transaction() as session:
        assert len(await rekey_some(session, vault, most=after)) == after
    async with database.transaction() as session:
        await rekey_some(session, vault, most=after)
        raise PowerCut


async def test_after_a_rotation_the_old_index_key_finds_nothing_any_more(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    await register(identity_database, vault, 3)
    async with identity_database.transaction() as session:
        before = {*await session.scalars(select(NameForm.form))}
        before |= {*await session.scalars(select(NamePart.part))}
        before |= {*await session.scalars(select(Account.birth_date_index))}
        before |= {*await session.scalars(select(Account.email_index))}
        before |= {*await session.scalars(select(Address.postcode_index))}
    store.rotate(Purpose.INDEX, now=NOW)
    await finish(identity_database, vault)
    async with identity_database.transaction() as session:
        after = {*await session.scalars(select(NameForm.form))}
        after |= {*await session.scalars(select(NamePart.part))}
        after |= {*await session.scalars(select(Account.birth_date_index))}
        after |= {*await session.scalars(select(Account.email_index))}
        after |= {*await session.scalars(select(Address.postcode_index))}
    assert len(before) == len(after)
    assert not before & after


async def test_after_a_rotation_no_key_is_sealed_with_the_old_data_key(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    await register(identity_database, vault, 3)
    store.rotate(Purpose.DATA, now=NOW)
    await finish(identity_database, vault)
    async with identity_database.transaction() as session:
        keys = [key for key in await session.scalars(select(PersonKey.sealed_key)) if key]
    assert [key[:5] for key in keys] == [vault.current_prefix()] * 3


async def test_messages_are_sealed_anew_too(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    async with identity_database.transaction() as session:
        outbox.queue(session, vault, "jean@example.com", "code", "Your code is 1", now=NOW)
    store.rotate(Purpose.DATA, now=NOW)
    await finish(identity_database, vault)
    async with identity_database.transaction() as session:
        row = (await session.scalars(select(OutboxMessage))).one()
        assert row.sealed_to[:5] == row.sealed_text[:5] == vault.current_prefix()
        (message,) = await outbox.messages(session, vault, most=9)
        assert (message.to, message.text) == ("jean@example.com", "Your code is 1")


async def test_a_server_that_runs_meanwhile_knows_the_new_key(
    identity_database: Database, store: FileKeyStore, tmp_path: Path
) -> None:
    server = Vault(FileKeyStore.open(tmp_path / "keys", PASSPHRASE))
    people = await register(identity_database, server, 2)
    for purpose in (Purpose.DATA, Purpose.INDEX):
        store.rotate(purpose, now=NOW)
    await finish(identity_database, Vault(store))
    await everybody_is_read_and_found(identity_database, server, people)
    assert await finish(identity_database, server) == [Progress(0, 0)]


async def test_a_key_that_is_gone_stops_the_run_and_loses_nothing(
    identity_database: Database, store: FileKeyStore, tmp_path: Path
) -> None:
    vault = Vault(store)
    people = await register(identity_database, vault, 2)
    other = Vault(FileKeyStore.initialise(tmp_path / "other", PASSPHRASE, now=NOW))
    async with identity_database.transaction() as session:
        await session.execute(text("UPDATE person_key SET generation = 9"))
    with pytest.raises((SealBroken, UnknownKey)):
        await finish(identity_database, other)
    await everybody_is_read_and_found(identity_database, vault, people)


async def test_two_runs_at_once_finish_together(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    people = await register(identity_database, vault, 4)
    store.rotate(Purpose.DATA, now=NOW)

    async def some() -> list[UUID]:
        async with identity_database.transaction() as session:
            return await rekey_some(session, vault, most=2)

    await asyncio.gather(some(), some(), some())
    await finish(identity_database, vault)
    assert await generations(identity_database) == {(2, 1)}
    await everybody_is_read_and_found(identity_database, vault, people)


async def test_whoever_comes_to_wait_behind_a_run_is_done_by_it_too(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    people = await register(identity_database, vault, 4)
    store.rotate(Purpose.DATA, now=NOW)
    steps = []
    async for progress in rekey(identity_database.transaction, vault, most=1):
        steps.append(progress)
        if progress.done == 3:  # a server that had not seen the new key yet
            async with identity_database.transaction() as session:
                await session.execute(update(PersonKey).values(index_generation=0))
    assert [one.done for one in steps][:5] == [0, 1, 2, 3, 4]
    assert steps[-1].remaining == 0
    assert await generations(identity_database) == {(2, 1)}
    await everybody_is_read_and_found(identity_database, vault, people)


async def test_nobody_to_rekey_is_no_fault(
    identity_database: Database, store: FileKeyStore
) -> None:
    assert await finish(identity_database, Vault(store)) == [Progress(0, 0)]
    async with identity_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(PersonKey)) == 0


async def test_the_secret_of_a_staff_app_follows_the_store_to_its_new_key(
    identity_database: Database, store: FileKeyStore
) -> None:
    vault = Vault(store)
    async with identity_database.transaction() as session:
        clerk = await staff.add(
            session,
            "sam",
            "Sam Clerk",
            StaffRole.CARD_OFFICER,
            "a long enough passphrase",
            actor=CLERK,
            now=NOW,
        )
        secret = vault.seal("staff_totp", "sealed_secret", clerk.id, "JBSWY3DPEHPK3PXP")
        app = StaffTotp(owner_id=clerk.id, sealed_secret=secret, last_step=0, enrolled_at=NOW)
        session.add(app)
        await staff_contact.set_email(
            session, vault, clerk.id, "sam@kent.example", actor=CLERK, now=NOW
        )
        colleague = await staff.add(
            session,
            "alex",
            "Alex Hill",
            StaffRole.ADVISER,
            "a long enough passphrase",
            actor=CLERK,
            now=NOW,
        )
    store.rotate(Purpose.DATA, now=NOW)
    await finish(identity_database, vault)
    async with identity_database.transaction() as session:
        sealed = (await session.scalars(select(StaffTotp))).one().sealed_secret
        noted = (await session.get_one(StaffMember, clerk.id)).sealed_email or b""
        assert (await session.get_one(StaffMember, colleague.id)).sealed_email is None
    assert noted.startswith(vault.current_prefix())
    assert vault.open("staff_member", "sealed_email", clerk.id, noted) == "sam@kent.example"
    assert sealed != secret
    assert sealed.startswith(vault.current_prefix())
    assert vault.open("staff_totp", "sealed_secret", clerk.id, sealed) == "JBSWY3DPEHPK3PXP"
