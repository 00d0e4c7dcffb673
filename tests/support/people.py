"""People, staff and a database for tests of identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import MetaData

from cardservice.database import Database
from identity.actors import Actor, staff_actor
from identity.details import NewResident
from identity.evidence import DocumentShown
from identity.models import Account
from tests.support.templates import copy_of

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CLERK: Actor = staff_actor(UUID("5b6f3a52-6f0c-4f7e-9a56-0d3c8b1f2a11"), "Priya Shah")

PASSPORT = DocumentShown("passport")
COUNCIL_TAX = DocumentShown("council-tax-bill", dated_on=date(2026, 4, 1))

JEAN = NewResident(
    given_names="Jean",
    family_name="O'Malley",
    birth_date=date(1960, 7, 31),
    address_lines=("1 Example Street", "Maidstone"),
    postcode="ME14 1XQ",
    email="jean@example.com",
    identity_document=PASSPORT,
    address_document=COUNCIL_TAX,
)


OWN = frozenset({"identity.models", "identity.signin_models", "identity.trail_models"})


@asynccontextmanager
async def tables(url: str, modules: frozenset[str] = OWN) -> AsyncIterator[Database]:
    """The tables of some modules of identity in a database of their own, empty."""

    async def prepare(database: Database) -> None:
        # Only identity's own: other packages may have added theirs to the same metadata.
        metadata: MetaData = Account.metadata
        names = {
            mapper.class_.__tablename__
            for mapper in Account.registry.mappers
            if mapper.class_.__module__ in modules
        }
        own = [table for table in metadata.sorted_tables if table.name in names]
        async with database.engine.begin() as connection:
            await connection.run_sync(lambda sync: metadata.create_all(sync, tables=own))

    async with copy_of(url, f"tables of {sorted(modules)}", prepare) as copy:
        database = Database(copy)
        try:
            yield database
        finally:
            await database.close()
