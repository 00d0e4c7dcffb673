"""One transaction: all of it or nothing, and writers take turns."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from cardservice.database import Database
from cardservice.models import CardOrder, Terminal
from identity.db import new_id
from tests.support.people import NOW


def _terminal(name: str) -> Terminal:
    return Terminal(name=name, place="x", authority="x", services=[], purposes=[], created_at=NOW)


async def _names(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(select(Terminal.name).order_by(Terminal.name)))


async def test_an_error_takes_everything_back(migrated: Database) -> None:
    async def add_and_fail() -> None:
        async with migrated.transaction() as session:
            session.add(_terminal("A"))
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await add_and_fail()
    assert await _names(migrated) == []


async def test_requests_that_read_and_then_write_take_turns(migrated: Database) -> None:
    async def add_next() -> None:
        async with migrated.transaction() as session:
            if not migrated.on_sqlite:  # SQLite locks by BEGIN IMMEDIATE
                await session.execute(text("LOCK TABLE terminal IN EXCLUSIVE MODE"))
            names = list(await session.scalars(select(Terminal.name)))
            await asyncio.sleep(0)
            session.add(_terminal(f"{len(names)}"))

    await asyncio.gather(*(add_next() for _ in range(8)))
    assert await _names(migrated) == [str(n) for n in range(8)]


async def test_foreign_keys_hold_on_both_engines(migrated: Database) -> None:
    with pytest.raises(IntegrityError) as broken:
        async with migrated.transaction() as session:
            session.add(CardOrder(card_id=new_id(), terminal_id=new_id(), ordered_at=NOW))
    assert "parameters hidden" in str(broken.value)


async def test_a_reading_connection_waits_for_no_writer(migrated: Database) -> None:
    async with migrated.transaction() as session:
        session.add(_terminal("A"))
        await session.flush()
        async with migrated.reading() as reading:
            found = await asyncio.wait_for(reading.execute(select(Terminal.name)), 2)
            assert found.all() == []


async def test_sqlite_survives_a_power_cut_and_keeps_its_promises(migrated: Database) -> None:
    if not migrated.on_sqlite:
        pytest.skip("pragmas are SQLite's")
    async with migrated.reading() as reading:
        pragmas = {
            name: (await reading.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }
