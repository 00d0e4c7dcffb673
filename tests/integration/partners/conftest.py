"""The whole application with an empty database, for each test."""

from collections.abc import AsyncIterator

import pytest

from identity.keys import FileKeyStore
from tests.support.server import World, world


@pytest.fixture
async def served(database_url: str, keystore: FileKeyStore) -> AsyncIterator[World]:
    async with world(database_url, keystore) as started:
        yield started
