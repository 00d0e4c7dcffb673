"""What a terminal keeps on disk between two starts; each file is whole or is the one before."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.contract.products import SetUp
from readers.contract.wire import ReadKeys
from readers.terminal.errors import NotEnrolled, StateUnusable

JOURNAL: Final = "taps.db"
IDENTITY: Final = "terminal.json"
BUNDLE: Final = "bundle.json"
READ_KEYS: Final = "read-keys.json"
SHARDS: Final = "shards.json"
SERVER_TIME: Final = "server-time.json"
SET_UP: Final = "set-up.json"

T = TypeVar("T")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who this terminal is.

    Attributes:
        private_key: Ed25519, 32 bytes; it never leaves this machine.
        bundle_keys: key id -> key (32 bytes) that the first bundle may be signed by.
    """

    terminal_id: str
    name: str
    private_key: bytes
    bundle_keys: dict[str, bytes]

    def __repr__(self) -> str:
        """Without the key: it must not reach a log."""
        return f"Identity(terminal_id={self.terminal_id!r}, name={self.name!r})"

    def sign(self, message: bytes) -> bytes:
        """Ed25519 over ``message``."""
        return Ed25519PrivateKey.from_private_bytes(self.private_key).sign(message)


class StoredBundle(msgspec.Struct, frozen=True):
    """A bundle and the keys it was verified with; the next one's keys are inside it."""

    token: str
    verified_with: dict[str, bytes]


class State:
    """The state directory.

    Args:
        directory: made if it is missing, readable by its owner only.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def journal(self) -> Path:
        """Where the journal is."""
        return self.directory / JOURNAL

    def prepare(self) -> None:
        """Make the directory, and show that it can be written.

        Raises:
            StateUnusable: it cannot.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.directory / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StateUnusable(
                f"The state directory {self.directory} cannot be written: {error.strerror}."
            ) from error

    def identity(self) -> Identity:
        """Who this terminal is.

        Raises:
            NotEnrolled: it has never been enrolled.
            StateUnusable: the file cannot be read.
        """
        identity = self._read(IDENTITY, Identity)
        if identity is None:
            raise NotEnrolled("This terminal is not enrolled.")
        return identity

    def is_enrolled(self) -> bool:
        """Whether there is an identity, readable or not."""
        return (self.directory / IDENTITY).exists()

    def keep_identity(self, identity: Identity) -> None:
        """Store who this terminal is; raises StateUnusable as every ``keep``."""
        self._write(IDENTITY, identity)

    def bundle(self) -> StoredBundle | None:
        """The last bundle; None if there never was one. Raises StateUnusable."""
        return self._read(BUNDLE, StoredBundle)

    def keep_bundle(self, bundle: StoredBundle) -> None:
        """Store a bundle in place of the one before."""
        self._write(BUNDLE, bundle)

    def shards(self) -> dict[str, bytes]:
        """Pieces of status lists by digest; none if there never were any. Raises StateUnusable."""
        return self._read(SHARDS, dict[str, bytes]) or {}

    def keep_shards(self, shards: Mapping[str, bytes]) -> None:
        """Store pieces of status lists in place of those before."""
        self._write(SHARDS, shards)

    def forget_bundle(self) -> None:
        """Trust the keys of the identity alone for the next bundle. Raises StateUnusable."""
        self._forget(BUNDLE)

    def forget_read_keys(self) -> None:
        """Destroy the read keys. Raises StateUnusable."""
        self._forget(READ_KEYS)

    def read_keys(self) -> ReadKeys:
        """The read keys; none if there never were any. Raises StateUnusable."""
        return self._read(READ_KEYS, ReadKeys) or ReadKeys({})

    def keep_read_keys(self, keys: ReadKeys) -> None:
        """Store read keys in place of those before."""
        self._write(READ_KEYS, keys)

    def server_time(self) -> datetime | None:
        """The latest time the server gave; None if it never gave one. Raises StateUnusable."""
        return self._read(SERVER_TIME, datetime)

    def keep_server_time(self, server_time: datetime) -> None:
        """Store the latest time the server gave."""
        self._write(SERVER_TIME, server_time)

    def set_up(self) -> SetUp:
        """The last set-up that could be taken; untouched if none ever was. Raises StateUnusable."""
        return self._read(SET_UP, SetUp) or SetUp()

    def keep_set_up(self, set_up: SetUp) -> None:
        """Store a set-up in place of the one before."""
        self._write(SET_UP, set_up)

    def _read(self, name: str, kind: type[T]) -> T | None:
        path = self.directory / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateUnusable(f"{path} cannot be read: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise StateUnusable(f"{path} is damaged.") from error

    def _forget(self, name: str) -> None:
        path = self.directory / name
        try:
            path.unlink(missing_ok=True)
            _sync_directory(self.directory)
        except OSError as error:
            raise StateUnusable(f"{path} cannot be removed: {error.strerror}.") from error

    def _write(self, name: str, content: object) -> None:
        path = self.directory / name
        fresh = path.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            _write_new(fresh, msgspec.json.encode(content))
            fresh.replace(path)
            _sync_directory(self.directory)
        except OSError as error:
            raise StateUnusable(f"{path} cannot be written: {error.strerror}.") from error


def _write_new(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
