"""What partners used stays counted until it is written, also when the server stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.app import create_app
from cardservice.database import Database
from cardservice.settings import Settings
from entitlements import organisations
from entitlements.callers import Caller
from entitlements.partner_models import CredentialKind
from entitlements.redemption_models import PartnerUsage
from entitlements.usage import Tally, Used
from identity.actors import SYSTEM
from identity.keys import FileKeyStore
from tests.support.people import NOW
from tests.support.server import Clock
from tests.support.templates import migrated_copy

DAY = date(2026, 11, 22)


@pytest.fixture
async def prepared(database_url: str) -> AsyncIterator[str]:
    async with migrated_copy(database_url) as copy:
        yield copy


async def caller_in(database: Database) -> Caller:
    async with database.transaction() as session:
        made = await organisations.add(session, "Example Theatre", [], actor=SYSTEM, now=NOW)
    return Caller(made.id, made.name, CredentialKind.LIVE, False, {}, frozenset())  # noqa: FBT003  (a field)


async def written_in(database: Database) -> dict[str, int]:
    async with database.transaction() as session:
        rows = await session.execute(select(PartnerUsage.what, PartnerUsage.times))
        return {row.what: row.times for row in rows}


async def test_a_server_that_stops_writes_what_it_counted(
    prepared: str, keystore: FileKeyStore
) -> None:
    database = Database(prepared)
    caller = await caller_in(database)
    app = create_app(Settings(database_url=prepared), keystore, Clock())
    async with app.lifespan():
        app.state.partners.tally.count(caller, Used.CHECK_YES, DAY, times=3)
        assert await written_in(database) == {}
    assert await written_in(database) == {"check-yes": 3}
    await database.close()


async def test_what_could_not_be_written_is_added_to_what_comes_after(prepared: str) -> None:
    database, tally = Database(prepared), Tally()
    caller = await caller_in(database)

    @asynccontextmanager
    async def failing() -> AsyncIterator[AsyncSession]:
        async with database.transaction() as session:
            yield session
            raise OperationalError("commit", {}, Exception("the database went away"))

    tally.count(caller, Used.CHECK_YES, DAY)
    with pytest.raises(OperationalError):
        await tally.write(failing)
    tally.count(caller, Used.CHECK_YES, DAY)
    tally.count(caller, Used.REFUSED, DAY)
    await tally.write(database.transaction)
    await tally.write(database.transaction)
    assert await written_in(database) == {"check-yes": 2, "refused": 1}
    tally.count(caller, Used.CHECK_YES, DAY, times=5)
    await tally.write(database.transaction)
    assert (await written_in(database))["check-yes"] == 7
    await database.close()
