"""The application with an empty database, for each test, and a certificate for machines."""

from collections.abc import AsyncIterator

import pytest

from identity.keys import FileKeyStore
from tests.support.server import World, world
from tests.support.sip2 import Certificate, self_signed


@pytest.fixture
async def served(database_url: str, keystore: FileKeyStore) -> AsyncIterator[World]:
    async with world(database_url, keystore) as started:
        yield started


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"))
