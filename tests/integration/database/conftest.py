"""An empty database of the newest schema for each test, on each engine."""

from collections.abc import AsyncIterator

import pytest

from cardservice import schema
from cardservice.database import Database


@pytest.fixture
async def migrated(database_url: str) -> AsyncIterator[Database]:
    """Every table, made by the migrations and removed by them."""
    database = Database(database_url)
    await schema.upgrade(database.engine)
    try:
        yield database
    finally:
        await schema.downgrade(database.engine, "base")
        await database.close()
