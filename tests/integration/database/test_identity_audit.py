"""The audit trail: written with the change, in one chain, and never changed unseen."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from identity import audit, checkpoints
from identity.actors import SYSTEM
from identity.audit_check import Broken, Fault, Intact, verify
from identity.chain import ACTS, Link
from identity.checkpoints import Checkpoint
from identity.errors import BadCheckpoint, UnknownKey
from identity.keys import FileKeyStore, KeyId, Purpose
from identity.trail_models import AuditCheckpoint, AuditRow, ChainHead
from tests.support.audit import act, checked, tamper
from tests.support.people import CLERK, NOW


class Undone(Exception):
    """Thrown to roll a transaction back."""


async def actions(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))


def note(session: AsyncSession, action: str) -> None:
    audit.record(session, action, "test:1", actor=SYSTEM, now=NOW)


async def checkpoint(database: Database, keystore: FileKeyStore) -> Checkpoint:
    async with database.transaction() as session:
        return await checkpoints.take(session, keystore, now=NOW)


async def rechain(database: Database, number: int) -> None:
    """Do what an owner of the database without the signing key can: hash everything anew."""
    rows = select(AuditRow).order_by(AuditRow.id)
    async with database.transaction() as session:
        found = list(await session.scalars(rows))
        link = Link(found[number - 2].id, found[number - 2].hash)
        for row in found[number - 1 :]:
            link = link.then(row.id, {name: getattr(row, name) for name in audit.COVERED})
            row.hash = link.hash
        head = (await session.scalars(select(ChainHead).where(ChainHead.chain == ACTS))).one()
        head.number, head.hash = link.number, link.hash


async def test_an_untouched_trail_is_intact(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b", "c")
    assert await checked(identity_database, keystore) == Intact({ACTS: 3}, 0, ())


async def test_an_empty_trail_is_intact(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    assert await checked(identity_database, keystore) == Intact({ACTS: 0}, 0, ())


async def test_rows_of_any_content_verify_on_every_database(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    detail: audit.Detail = {
        "z": 1,
        "a": ["b", "é"],
        "n": None,
        "t": True,
        "ש": "\u200fשלם",
        "big": 2**53 + 1,
    }
    async with identity_database.transaction() as session:
        audit.record(session, "x" * 64, "s" * 120, actor=CLERK, now=NOW, detail=detail)
        note(session, "")
    assert await checked(identity_database, keystore) == Intact({ACTS: 2}, 0, ())


async def test_what_was_rolled_back_leaves_no_row(identity_database: Database) -> None:
    with suppress(Undone):
        async with identity_database.transaction() as session:
            note(session, "undone")
            raise Undone
    await act(identity_database, "done")
    assert await actions(identity_database) == ["done"]


async def test_a_savepoint_rolled_back_takes_its_rows_and_no_others(
    identity_database: Database,
) -> None:
    async with identity_database.transaction() as session:
        note(session, "before")
        async with session.begin_nested():
            note(session, "kept")
        with suppress(Undone):
            async with session.begin_nested():
                note(session, "undone")
                async with session.begin_nested():
                    note(session, "undone too")
                raise Undone
        note(session, "after")
    assert await actions(identity_database) == ["before", "kept", "after"]


async def test_rows_are_written_last_so_that_nobody_waits_for_the_chain_meanwhile(
    identity_database: Database,
) -> None:
    count = select(func.count()).select_from(AuditRow)
    async with identity_database.transaction() as session:
        note(session, "a")
        async with session.begin_nested():
            note(session, "b")
        await session.flush()
        assert await session.scalar(count) == 0
    assert await actions(identity_database) == ["a", "b"]


async def test_a_session_closed_without_a_commit_passes_nothing_on(
    identity_database: Database,
) -> None:
    session = AsyncSession(identity_database.engine)
    await session.begin()
    note(session, "left behind")
    await session.close()
    async with session.begin():
        note(session, "done")
    await session.close()
    assert await actions(identity_database) == ["done"]


async def test_rows_of_many_writers_at_once_make_one_chain(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    async def write(number: int) -> None:
        async with identity_database.transaction() as session:
            await session.execute(select(func.count()).select_from(AuditRow))
            note(session, f"act-{number}-1")
            await asyncio.sleep(0)
            note(session, f"act-{number}-2")

    await asyncio.gather(*(write(number) for number in range(25)))
    assert len(await actions(identity_database)) == 50
    assert await checked(identity_database, keystore) == Intact({ACTS: 50}, 0, ())


async def test_a_trail_that_grows_while_it_is_checked_is_intact(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    async def check() -> Intact | Broken:
        async with (
            identity_database.reading() as connection,
            AsyncSession(connection) as session,
        ):
            return await verify(session, keystore)

    async def write(number: int) -> None:
        await act(identity_database, f"act-{number}")
        await checkpoint(identity_database, keystore)

    writing = asyncio.gather(*(write(number) for number in range(15)))
    found = [await check() for _ in range(15)]
    await writing
    assert all(isinstance(one, Intact) for one in found)
    assert await check() == Intact({ACTS: 15}, 0, ())


@pytest.mark.parametrize("table", ["audit_row", "audit_checkpoint"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET at = at", "DELETE FROM {}"])
async def test_the_database_refuses_to_change_or_remove_a_row(
    identity_database: Database, keystore: FileKeyStore, table: str, statement: str
) -> None:
    await act(identity_database, "a")
    await checkpoint(identity_database, keystore)
    with pytest.raises(IntegrityError, match="append-only"):
        async with identity_database.transaction() as session:
            await session.execute(text(statement.format(table)))
    assert await actions(identity_database) == ["a"]


async def test_postgresql_refuses_to_truncate(identity_database: Database) -> None:
    if identity_database.on_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    await act(identity_database, "a")
    with pytest.raises(IntegrityError, match="append-only"):
        async with identity_database.transaction() as session:
            await session.execute(text("TRUNCATE audit_row"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_row SET action = 'b2'",
        "UPDATE audit_row SET subject = 'account:2'",
        "UPDATE audit_row SET actor_kind = 'system'",
        "UPDATE audit_row SET actor_id = 'x'",
        "UPDATE audit_row SET actor_label = 'Somebody Else'",
        "UPDATE audit_row SET detail = '{\"n\": 2}'",
        "UPDATE audit_row SET at = '2026-11-22 10:00:00.000001'",
        "UPDATE audit_row SET hash = (SELECT hash FROM chain_head)",
    ],
)
async def test_an_edited_row_is_named(
    identity_database: Database, keystore: FileKeyStore, change: str
) -> None:
    await act(identity_database, "a", "b", "c")
    await tamper(identity_database, f"{change} WHERE id = 2")
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.chain, found.number, found.fault) == (ACTS, 2, Fault.CHANGED)
    assert found.words == ("Audit row 2 is not as it was written, or the row before it is another.")


async def test_a_deleted_row_is_missed(identity_database: Database, keystore: FileKeyStore) -> None:
    await act(identity_database, "a", "b", "c", "d")
    await tamper(identity_database, "DELETE FROM audit_row WHERE id IN (2, 3)")
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (4, Fault.MISSING_BEFORE)


async def test_the_first_row_is_missed_too(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b")
    await tamper(identity_database, "DELETE FROM audit_row WHERE id = 1")
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (2, Fault.MISSING_BEFORE)


async def test_rows_put_in_another_order_are_noticed(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b", "c")
    await tamper(
        identity_database,
        "UPDATE audit_row SET id = 99 WHERE id = 2",
        "UPDATE audit_row SET id = 2 WHERE id = 3",
        "UPDATE audit_row SET id = 3 WHERE id = 99",
    )
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (2, Fault.CHANGED)


async def test_a_row_with_another_number_is_noticed(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b")
    await tamper(
        identity_database,
        "UPDATE audit_row SET id = 3 WHERE id = 2",
        "UPDATE chain_head SET number = 3",
    )
    assert isinstance(await checked(identity_database, keystore), Broken)


_COPY = (
    "INSERT INTO audit_row (id, at, action, subject, actor_kind, actor_id, actor_label, detail,"
    " hash) SELECT {}, at, action, subject, actor_kind, actor_id, actor_label, detail, hash"
    " FROM audit_row WHERE id = 2"
)


async def test_a_row_pushed_in_between_is_noticed(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b", "c")
    await tamper(identity_database, "UPDATE audit_row SET id = 4 WHERE id = 3", _COPY.format(3))
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (3, Fault.CHANGED)


async def test_a_row_added_past_the_chain_is_noticed(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b")
    async with identity_database.transaction() as session:
        await session.execute(text(_COPY.format(3)))  # the guards let a row be added
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (3, Fault.NOT_IN_CHAIN)


async def test_a_row_without_a_hash_is_refused(identity_database: Database) -> None:
    await act(identity_database, "a")
    row = {"id": 2, "at": NOW, "action": "b", "subject": "s", "actor_kind": SYSTEM.kind}
    row |= {"actor_id": "x", "actor_label": "", "detail": {}, "hash": b""}
    with pytest.raises(IntegrityError):
        async with identity_database.transaction() as session:
            await session.execute(insert(AuditRow).values(row))


async def test_rows_cut_off_the_end_are_missed_by_the_head(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b", "c")
    await tamper(identity_database, "DELETE FROM audit_row WHERE id = 3")
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (3, Fault.CUT_OFF)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE chain_head SET number = 2",
        "UPDATE chain_head SET hash = (SELECT hash FROM audit_row WHERE id = 1)",
    ],
)
async def test_a_head_that_was_moved_is_noticed(
    identity_database: Database, keystore: FileKeyStore, change: str
) -> None:
    await act(identity_database, "a", "b", "c")
    await tamper(identity_database, change)
    assert isinstance(await checked(identity_database, keystore), Broken)


CUT = (
    "DELETE FROM audit_row WHERE id > 2",
    "UPDATE chain_head SET number = 2, hash = (SELECT hash FROM audit_row WHERE id = 2)",
)


async def test_a_clean_cut_is_seen_by_a_checkpoint_kept_elsewhere_and_by_nothing_else(
    identity_database: Database, keystore: FileKeyStore, tmp_path: Path
) -> None:
    await act(identity_database, "a", "b", "c", "d")
    elsewhere = tmp_path / "other machine" / "checkpoints.jsonl"
    checkpoints.append_to(elsewhere, await checkpoint(identity_database, keystore))
    await act(identity_database, "e")
    kept = checkpoints.read_from(elsewhere)
    assert await checked(identity_database, keystore, *kept) == Intact({ACTS: 5}, 1, ())
    await tamper(identity_database, *CUT, "DELETE FROM audit_checkpoint")
    assert await checked(identity_database, keystore) == Intact({ACTS: 2}, 0, ())
    found = await checked(identity_database, keystore, *kept)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (3, Fault.CUT_OFF)


async def test_a_whole_chain_removed_is_seen_by_a_checkpoint(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a")
    kept = await checkpoint(identity_database, keystore)
    await tamper(
        identity_database,
        *("DELETE FROM audit_row", "DELETE FROM chain_head", "DELETE FROM audit_checkpoint"),
    )
    found = await checked(identity_database, keystore, kept)
    assert isinstance(found, Broken)
    assert (found.chain, found.number, found.fault) == (ACTS, 1, Fault.CUT_OFF)


async def test_a_checkpoint_in_the_database_shows_a_chain_that_was_hashed_anew(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b", "c")
    await checkpoint(identity_database, keystore)
    await tamper(identity_database, "UPDATE audit_row SET action = 'b2' WHERE id = 2")
    await rechain(identity_database, 2)
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (3, Fault.CONTRADICTS_CHECKPOINT)


async def test_a_checkpointed_row_that_was_taken_out_and_the_rest_hashed_anew_is_missed(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b")
    await checkpoint(identity_database, keystore)
    await act(identity_database, "c")
    await tamper(identity_database, "DELETE FROM audit_row WHERE id = 2")
    await rechain(identity_database, 2)
    found = await checked(identity_database, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (2, Fault.CONTRADICTS_CHECKPOINT)


async def test_a_checkpoint_of_another_key_store_is_not_genuine(
    identity_database: Database, keystore: FileKeyStore, tmp_path: Path
) -> None:
    await act(identity_database, "a")
    other = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    forged = await checkpoint(identity_database, other)
    await tamper(identity_database, "DELETE FROM audit_checkpoint")
    found = await checked(identity_database, keystore, forged)
    assert isinstance(found, Broken)
    assert (found.chain, found.number, found.fault) == ("checkpoints", 1, Fault.NOT_GENUINE)


async def test_a_stored_checkpoint_that_was_rewritten_is_not_genuine(
    identity_database: Database, keystore: FileKeyStore
) -> None:
    await act(identity_database, "a", "b")
    await checkpoint(identity_database, keystore)
    await tamper(
        identity_database,
        "UPDATE audit_checkpoint SET signed = replace(signed, '\"number\":2', '\"number\":1')",
    )
    assert await checked(identity_database, keystore) == Broken(
        "checkpoints", 1, Fault.NOT_GENUINE, "Checkpoint 1 was not signed by this key store."
    )
    await tamper(identity_database, "UPDATE audit_checkpoint SET signed = 'torn'")
    assert isinstance(await checked(identity_database, keystore), Broken)


@pytest.mark.parametrize("key", ["aud.2", "rec.1", "nonsense", ""])
async def test_a_checkpoint_that_names_another_key_is_not_genuine(
    identity_database: Database, keystore: FileKeyStore, key: str
) -> None:
    await act(identity_database, "a")
    taken = await checkpoint(identity_database, keystore)
    renamed = Checkpoint(taken.at, taken.ends, key, taken.signature)
    assert checkpoints.is_genuine(taken, keystore)
    assert not checkpoints.is_genuine(renamed, keystore)


async def test_a_checkpoint_signed_with_a_key_for_something_else_is_not_genuine(
    identity_database: Database, tmp_path: Path
) -> None:
    class Misled(FileKeyStore):
        def current(self, purpose: Purpose) -> KeyId:
            assert purpose is Purpose.AUDIT_SIGN
            return KeyId(Purpose.RECORD_SIGN, 1)

    misled = Misled.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    await act(identity_database, "a")
    taken = await checkpoint(identity_database, misled)
    assert taken.key == "rec.1"
    assert not checkpoints.is_genuine(taken, misled)


async def test_checkpoints_of_a_key_that_was_rotated_still_count(
    identity_database: Database, tmp_path: Path
) -> None:
    own = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    await act(identity_database, "a")
    first = await checkpoint(identity_database, own)
    own.rotate(Purpose.AUDIT_SIGN, now=NOW)
    second = await checkpoint(identity_database, own)
    assert (first.key, second.key) == ("aud.1", "aud.2")
    assert await checked(identity_database, own, first, second) == Intact({ACTS: 1}, 2, ())


async def test_without_a_signing_key_nothing_is_stored(
    identity_database: Database, tmp_path: Path
) -> None:
    class Without(FileKeyStore):
        def current(self, purpose: Purpose) -> None:  # type: ignore[override]  # it only raises
            raise UnknownKey(f"The key store holds no key for {purpose}.")

    own = Without.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    with pytest.raises(UnknownKey):
        await checkpoint(identity_database, own)
    async with identity_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(AuditCheckpoint)) == 0


def test_a_torn_line_in_a_checkpoint_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.jsonl"
    whole = Checkpoint(NOW, (), "aud.1", "AAAA")
    checkpoints.append_to(path, whole)
    checkpoints.append_to(path, whole)
    assert checkpoints.read_from(path) == (whole, whole)
    for content in (path.read_text()[:-20], "\ud800".encode(errors="replace").decode(), "[]\n"):
        path.write_text(content)
        with pytest.raises(BadCheckpoint, match="Line"):
            checkpoints.read_from(path)
