"""Audit rows from before the chain are moved into it, and the database guards them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from cardservice import schema
from cardservice.database import Database
from identity.audit_check import Intact, verify
from identity.chain import ACTS
from identity.keys import FileKeyStore
from tests.support.audit import act
from tests.support.templates import copy_of

BEFORE = (
    "INSERT INTO audit_row (id, at, action, subject, actor_kind, actor_id, actor_label, detail)"
    " VALUES (:id, '2026-11-21 09:00:00.000001', 'act', 'account:1', 'staff', 'x', 'Priya',"
    ' \'{"b": [1, "é"], "a": null}\')'
)


@asynccontextmanager
async def at_revision(url: str, revision: str) -> AsyncIterator[Database]:
    """An empty database at an earlier revision, taken down from wherever it is left."""

    async def nothing(empty: Database) -> None:
        async with empty.transaction() as session:
            await session.execute(text("SELECT 1"))

    async with copy_of(url, "nothing", nothing) as own:
        database = Database(own)
        try:
            await schema.upgrade(database.engine, revision)
            yield database
            await schema.downgrade(database.engine, "base")
        finally:
            await database.close()


async def stored(database: Database) -> list[tuple[object, ...]]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT id, action FROM audit_row ORDER BY id"))
        return [tuple(row) for row in rows]


async def test_rows_that_were_there_are_chained_and_the_chain_goes_on(
    database_url: str, keystore: FileKeyStore
) -> None:
    async with at_revision(database_url, "0003") as database:
        async with database.transaction() as session:
            for number in (1, 2, 5):  # numbers that were rolled back leave gaps
                await session.execute(text(BEFORE), {"id": number})
        await schema.upgrade(database.engine)
        await act(database, "after")
        assert await stored(database) == [(1, "act"), (2, "act"), (5, "act"), (6, "after")]
        async with database.transaction() as session:
            assert await verify(session, keystore) == Intact({ACTS: 6}, 0, ())
        for statement in ("UPDATE audit_row SET action = 'x'", "DELETE FROM audit_row"):
            with pytest.raises(IntegrityError, match="append-only"):
                async with database.transaction() as session:
                    await session.execute(text(statement))
        await schema.downgrade(database.engine, "0003")
        assert await stored(database) == [(1, "act"), (2, "act"), (5, "act"), (6, "after")]
        async with database.transaction() as session:
            await session.execute(text(BEFORE.replace("(id, ", "(").replace("(:id, ", "(")))
        assert (await stored(database))[-1] == (7, "act")
