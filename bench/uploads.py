"""Taps stored per second on PostgreSQL, beside a bare multi-row insert of the same rows.

A batch is what a terminal sends: as many taps as it uploads at once, as JSON, each batch a
transaction of its own that is committed to disk. Ours decodes, tells what is new from what was sent
before, and answers which are stored. The bare insert is one statement with the same values, already
decoded and prepared, into a table with the same columns, keys and indexes. The two take turns.
"""

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta

import asyncpg  # type: ignore[import-untyped]  # it ships none
import msgspec

from bench._server import socket_of
from cardservice import schema, taps, terminals
from cardservice.database import Database
from cardservice.models import Tap
from cardservice.terminals import KnownTerminal, Role
from identity.actors import SYSTEM
from readers.contract.chain import GENESIS, link
from readers.contract.services import Service
from readers.contract.wire import Mode, Purpose, TapEvent, TapUpload
from readers.terminal.sync import BATCH
from tests.support.postgresql import cluster

BATCHES = 150
WARM_UP = 15
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
COLUMNS = (
    *("terminal_id", "sequence", "taken_at", "received_at", "service", "accepted", "mode"),
    *("reason", "number", "status_index", "record_sequence", "repeats", "shown", "link"),
    *("after_revocation", "digest"),
)


def bodies() -> list[bytes]:
    """Batches as a terminal sends them."""
    previous, made = GENESIS, []
    for first in range(1, (WARM_UP + BATCHES) * BATCH, BATCH):
        batch = []
        for sequence in range(first, first + BATCH):
            event = TapEvent(
                sequence=sequence,
                taken_at=NOW + timedelta(seconds=sequence),
                service=Service.TRAVEL,
                accepted=True,
                mode=Mode.ONLINE,
                number=63300000000000 + sequence % 5000,
                status_index=sequence * 7919 % 2**20,
                record_sequence=1,
                shown=True,
            )
            previous = link(previous, event)
            batch.append(msgspec.structs.replace(event, link=previous))
        made.append(msgspec.json.encode(TapUpload(taps=batch)))
    return made


async def new_terminal(database: Database) -> KnownTerminal:
    """A terminal of the bench's own."""
    role = Role(
        name="bench", place="bench", services=(Service.TRAVEL,), purposes=tuple(Purpose)[:1]
    )
    async with database.transaction() as session:
        made = await terminals.create(session, role, actor=SYSTEM, now=NOW)
    return KnownTerminal(
        id=made.id,
        name=made.name,
        place=made.place,
        authority=made.authority,
        services=frozenset({Service.TRAVEL}),
        purposes=frozenset({Purpose.VALIDATE}),
        revoked=False,
        last_seen_at=None,
    )


async def ours(database: Database, terminal: KnownTerminal, body: bytes) -> float:
    """Seconds for one batch."""
    started = time.perf_counter()
    upload = msgspec.json.decode(body, type=TapUpload)
    async with database.transaction() as session:
        stored = await taps.ingest(session, terminal, upload.taps, now=NOW)
    assert stored.new == BATCH
    return time.perf_counter() - started


async def bare(raw: asyncpg.Connection, statement: str, values: list[object]) -> float:
    """Seconds for one batch."""
    started = time.perf_counter()
    await raw.execute(statement, *values)
    return time.perf_counter() - started


def values_of(terminal: KnownTerminal, body: bytes) -> list[object]:
    """The same rows as plain values, in the order of the statement."""
    rows = taps.rows_of(terminal, msgspec.json.decode(body, type=TapUpload).taps, NOW)
    plain = [{name: getattr(value, "value", value) for name, value in row.items()} for row in rows]
    return [row[name] for row in plain for name in COLUMNS]


async def main() -> None:
    """Print both, and one as a share of the other."""
    with cluster() as url:
        database = Database(url)
        await schema.upgrade(database.engine)
        terminal = await new_terminal(database)
        raw = await asyncpg.connect(user="postgres", database="postgres", host=socket_of(url))
        await raw.execute(f"CREATE TABLE bare_tap (LIKE {Tap.__tablename__} INCLUDING ALL)")
        marks = (
            "("
            + ",".join(f"${row * len(COLUMNS) + each + 1}" for each in range(len(COLUMNS)))
            + ")"
            for row in range(BATCH)
        )
        statement = f"INSERT INTO bare_tap ({','.join(COLUMNS)}) VALUES {','.join(marks)}"  # noqa: S608
        took: tuple[list[float], list[float]] = ([], [])
        for body in bodies():
            took[0].append(await ours(database, terminal, body))
            took[1].append(await bare(raw, statement, values_of(terminal, body)))
        await raw.close()
        await database.close()
    kept, floor = (statistics.median(each[WARM_UP:]) for each in took)
    print(f"upload of taps, PostgreSQL, {BATCHES} batches of {BATCH}, medians of a batch")
    print(f"  bare multi-row insert  {floor * 1e3:7.2f} ms  {BATCH / floor:8.0f} taps a second")
    print(f"  ours                   {kept * 1e3:7.2f} ms  {BATCH / kept:8.0f} taps a second")
    print(f"  ours is {floor / kept:.2f} of the bare insert (wanted: at least 0.5)")


if __name__ == "__main__":
    asyncio.run(main())
