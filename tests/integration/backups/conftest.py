"""A place of its own for each test: key store, passphrases, and an empty database to restore to."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from identity.keys import FileKeyStore
from tests.support.people import NOW
from tests.support.templates import copy_of

KEYS_PASSPHRASE = "a passphrase for tests"
BACKUP_PASSPHRASE = "another passphrase for tests"


class Place(msgspec.Struct, frozen=True):
    """Where things are.

    Attributes:
        environ: as a command finds it, but for the database.
        elsewhere: URL of an empty database on the same engine.
    """

    directory: Path
    environ: dict[str, str]
    elsewhere: str

    @property
    def keys(self) -> Path:
        return self.directory / "keys.json"

    @property
    def backup(self) -> Path:
        return self.directory / "away" / "kent.backup"

    def keystore(self) -> FileKeyStore:
        return FileKeyStore.open(self.keys, KEYS_PASSPHRASE)


@pytest.fixture
async def place(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    async def nothing(_database: object) -> None:
        return

    for name, words in (("keys", KEYS_PASSPHRASE), ("backup", BACKUP_PASSPHRASE)):
        (tmp_path / f"{name}.passphrase").write_text(f"{words}\n")
    FileKeyStore.initialise(tmp_path / "keys.json", KEYS_PASSPHRASE, now=NOW)
    environ = {
        "KENTCARD_KEYS": str(tmp_path / "keys.json"),
        "KENTCARD_KEYS_PASSPHRASE_FILE": str(tmp_path / "keys.passphrase"),
    }
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    if database_url.startswith("sqlite"):
        yield Place(tmp_path, environ, f"sqlite:///{tmp_path}/restored.db")
        return
    async with copy_of(database_url, "nothing", nothing) as empty:
        yield Place(tmp_path, environ, empty)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have commands use a database from now on."""

    def use(url: str) -> None:
        monkeypatch.setitem(os.environ, "KENTCARD_DATABASE_URL", url)

    return use
