"""A database brought up by the migrations, as an operator's is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import cardservice.models  # noqa: F401  (so that every table is known)
import entitlements.models  # noqa: F401  (so that every table is known)
from cardservice import schema
from cardservice.database import Database
from identity.db import Base


@asynccontextmanager
async def migrated(url: str, revision: str = "head") -> AsyncIterator[Database]:
    """An empty database at a revision; taken down by the migrations too, from wherever it is."""
    database = Database(url)
    try:
        await schema.upgrade(database.engine, revision)
        yield database
        await schema.downgrade(database.engine, "base")
    finally:
        await database.close()


def differences(connection: Connection) -> list[object]:
    """What the code's tables have that the database's have not, or the other way about."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))
