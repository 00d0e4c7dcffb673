"""A world of its own for each test, on each database engine."""

from collections.abc import AsyncIterator

import pytest

from identity.keys import FileKeyStore
from tests.support.server import World, world


@pytest.fixture
async def served(database_url: str, keystore: FileKeyStore) -> AsyncIterator[World]:
    """A running server with an empty database of the newest schema."""
    async with world(database_url, keystore) as started:
        yield started
