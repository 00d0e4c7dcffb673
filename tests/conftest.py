"""Fixtures that tests of several packages share."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardservice.database import Database
from identity.keys import FileKeyStore
from identity.personal import Vault
from readers.virtual.pcscd import Pcscd
from tests.support import postgresql as postgresql_support
from tests.support.pcsc import running_pcscd
from tests.support.people import tables
from tests.support.tokens import SoftHsm, softhsm_in


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a running PostgreSQL; the test is skipped, and says so, without the package."""
    if postgresql_support.binaries() is None:
        pytest.skip("PostgreSQL is not installed, so this was not tried on it")
    with postgresql_support.cluster() as url:
        yield url


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database on each of the two engines; whoever makes tables in it drops them."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql")
        return url
    path: Path = tmp_path_factory.mktemp("sqlite") / "kent-card.db"
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def identity_database(database_url: str) -> AsyncIterator[Database]:
    """The tables of identity alone, empty, on each engine."""
    async with tables(database_url) as database:
        yield database


@pytest.fixture(scope="session")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> FileKeyStore:
    """A key store with a first key of every purpose. A test that rotates makes its own."""
    path: Path = tmp_path_factory.mktemp("keys") / "keys"
    return FileKeyStore.initialise(
        path, "a passphrase for tests", now=datetime(2026, 11, 22, tzinfo=UTC)
    )


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """PKCS#11 tokens of our own; a test makes one, under a label that no other test uses."""
    with softhsm_in(tmp_path_factory.mktemp("softhsm")) as made:
        yield made


@pytest.fixture(scope="session")
def vault(keystore: FileKeyStore) -> Vault:
    """Seals and opens personal columns with the keys of `keystore`."""
    return Vault(keystore)


@pytest.fixture(scope="session")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pcscd]:
    """Sixteen virtual readers behind a pcscd of our own; without root it fails and says so."""
    with running_pcscd(tmp_path_factory.mktemp("pcscd")) as running:
        yield running
