"""What the audit chain costs a writer, and how long it takes to check.

Transactions a second with one audit row each, beside the same row in a table without a chain, in
turns. PostgreSQL without fsync, so that the lock is seen and not the disk.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from identity import audit
from identity.actors import SYSTEM
from identity.audit_check import Intact, verify
from identity.chain import ACTS
from identity.keys import FileKeyStore
from tests.support.people import tables
from tests.support.postgresql import cluster

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
WRITERS = 10
ROUNDS = 3
SECONDS = 4.0

_PLAIN_TABLE = (
    "CREATE TABLE plain_row AS SELECT * FROM audit_row",
    "ALTER TABLE plain_row ADD COLUMN own BIGSERIAL PRIMARY KEY",
    "CREATE INDEX ON plain_row (at)",
    "CREATE INDEX ON plain_row (subject)",
)
_PLAIN_ROW: TextClause = text(
    "INSERT INTO plain_row (at, action, subject, actor_kind, actor_id, actor_label, detail, hash)"
    " VALUES (:at, 'act', 'account:1', 'system', 'system', 'Kent Card', '{\"n\": 1}', :hash)"
)


async def chained(session: AsyncSession) -> None:
    audit.record(session, "act", "account:1", actor=SYSTEM, now=NOW, detail={"n": 1})


async def plain(session: AsyncSession) -> None:
    await session.execute(_PLAIN_ROW, {"at": NOW, "hash": bytes(32)})


async def rate(database: Database, write: Callable[[AsyncSession], Awaitable[None]]) -> float:
    """Transactions a second of all writers together."""
    done = 0
    until = time.perf_counter() + SECONDS

    async def writer() -> None:
        nonlocal done
        while time.perf_counter() < until:
            async with database.transaction() as session:
                await write(session)
            done += 1

    await asyncio.gather(*(writer() for _ in range(WRITERS)))
    return done / SECONDS


async def measure(url: str, keystore: FileKeyStore) -> None:
    async with tables(url) as database:
        async with database.engine.begin() as connection:
            for statement in _PLAIN_TABLE:
                await connection.exec_driver_sql(statement)
        rates: dict[str, list[float]] = {"plain": [], "chained": []}
        for _ in range(ROUNDS):
            rates["plain"].append(await rate(database, plain))
            rates["chained"].append(await rate(database, chained))
        base, chain = median(rates["plain"]), median(rates["chained"])
        print(f"{WRITERS} writers, one audit row a transaction, median of {ROUNDS} rounds")
        print(f"  without a chain {base:8.0f} transactions/s")
        print(f"  chained         {chain:8.0f} transactions/s ({chain / base:.2f} of it)")
        await check(database, keystore)


async def check(database: Database, keystore: FileKeyStore) -> None:
    started = time.perf_counter()
    async with database.transaction() as session:
        found = await verify(session, keystore)
    seconds = time.perf_counter() - started
    assert isinstance(found, Intact), found
    print(f"  checked         {found.ends[ACTS] / seconds:8.0f} rows/s ({found.ends[ACTS]} rows)")


def main() -> None:
    """Print both rates."""
    with tempfile.TemporaryDirectory() as directory, cluster() as url:
        path = Path(directory) / "keys"
        keystore = FileKeyStore.initialise(path, "a passphrase for a bench", now=NOW)
        asyncio.run(measure(url, keystore))


if __name__ == "__main__":
    main()
