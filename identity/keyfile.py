"""One encrypted file on disk: the passphrase opens it, a torn write never loses it.

The key is derived from the passphrase with Argon2id and the content is sealed with AES-256-GCM.
The parameters belong to the format's version, so that a changed file cannot weaken them.
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from identity.errors import (
    KeyStoreDamaged,
    KeyStoreExists,
    KeyStoreMissing,
    WeakPassphrase,
    WrongPassphrase,
)

FORMAT = "kent-card-keys-1"
LEAST_PASSPHRASE = 12


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    salt: str
    check: str
    nonce: str
    sealed: str


def _derive(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    """A sealing key, and a check that tells a wrong passphrase from a damaged file.

    Source: RFC 9106 section 4, second recommended option (64 MiB, 3 passes, 4 lanes).
    """
    raw = hash_secret_raw(
        passphrase.encode(),
        salt,
        time_cost=3,
        memory_cost=65536,
        parallelism=4,
        hash_len=64,
        type=Type.ID,
    )
    return raw[:32], hashlib.sha256(raw[32:]).digest()


def sealing_key(passphrase: str, salt: bytes) -> bytes:
    """32 bytes for something else that a passphrase opens, such as a backup."""
    return _derive(passphrase, salt)[0]


class KeyFile:
    """An encrypted file, opened: read it whole, replace it whole."""

    def __init__(self, path: Path, salt: bytes, key: bytes, check: bytes) -> None:
        self.path = path
        self._salt = salt
        self._key = key
        self._check = check

    @classmethod
    def create(cls, path: Path, passphrase: str, content: bytes) -> Self:
        """Write a new file.

        Raises:
            KeyStoreExists: something is already at the path; it is left alone.
            WeakPassphrase: fewer than twelve characters.
        """
        if len(passphrase) < LEAST_PASSPHRASE:
            raise WeakPassphrase(
                f"The key store's passphrase must have at least {LEAST_PASSPHRASE} characters."
            )
        salt = secrets.token_bytes(16)
        file = cls(path, salt, *_derive(passphrase, salt))
        path.parent.mkdir(parents=True, exist_ok=True)
        with file.locked():
            if path.exists():
                raise KeyStoreExists(f"There is already a key store at {path}; it was not touched.")
            file.write(content)
        return file

    @classmethod
    def open(cls, path: Path, passphrase: str) -> Self:
        """Open the file with its passphrase.

        Raises:
            KeyStoreMissing: nothing at the path.
            KeyStoreDamaged: not a file of this format.
            WrongPassphrase: the passphrase does not open it.
        """
        envelope = _envelope(path)
        salt = _bytes(path, envelope.salt)
        key, check = _derive(passphrase, salt)
        if not hmac.compare_digest(check, _bytes(path, envelope.check)):
            raise WrongPassphrase(f"The passphrase does not open the key store at {path}.")
        return cls(path, salt, key, check)

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the file is replaced; None while it is not there."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> bytes:
        """The content, opened.

        Raises:
            KeyStoreMissing: the file has gone.
            KeyStoreDamaged: the file was changed or cut short.
        """
        envelope = _envelope(self.path)
        nonce, sealed = _bytes(self.path, envelope.nonce), _bytes(self.path, envelope.sealed)
        try:
            return AESGCM(self._key).decrypt(nonce, sealed, FORMAT.encode())
        except (InvalidTag, ValueError) as error:
            raise _damaged(self.path) from error

    def write(self, content: bytes) -> None:
        """Replace the file: after a power cut it holds the old content or the new."""
        nonce = secrets.token_bytes(12)
        sealed = AESGCM(self._key).encrypt(nonce, content, FORMAT.encode())
        parts = (
            base64.b64encode(part).decode() for part in (self._salt, self._check, nonce, sealed)
        )
        data = msgspec.json.encode(_Envelope(FORMAT, *parts))
        beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(self.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_directory(self.path.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from replacing the file meanwhile."""
        lock = self.path.with_name(f"{self.path.name}.lock")
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _envelope(path: Path) -> _Envelope:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise KeyStoreMissing(f"There is no key store at {path}.") from error
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except msgspec.DecodeError as error:
        raise _damaged(path) from error
    if envelope.format != FORMAT:
        raise _damaged(path)
    return envelope


def _bytes(path: Path, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> KeyStoreDamaged:
    return KeyStoreDamaged(
        f"The file at {path} is not a whole key store of this version. Restore it from a backup."
    )


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
