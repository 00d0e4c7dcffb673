"""An empty database of the newest schema for each test, on each engine."""

from collections.abc import AsyncIterator

import pytest

from cardservice.database import Database
from tests.support.templates import migrated_copy


@pytest.fixture
async def migrated(database_url: str) -> AsyncIterator[Database]:
    """Every table, made by the migrations."""
    async with migrated_copy(database_url) as copy:
        database = Database(copy)
        yield database
        await database.close()
