"""A sealed file: written and read in pieces, opened by a passphrase or by one private key.

    kent-card-backup-1 LF | header as JSON LF | pieces of 1 MiB, each sealed with 16 bytes more

A random key of the file is wrapped for whoever may open it. Each piece is sealed with AES-256-GCM
under a key derived from that one and the whole header; its nonce is its number and whether it is
the last, so that a piece changed, left out, moved or added, and a file cut short, are noticed.

Source: Hoang, Reyhanitabar, Rogaway, Vizar, Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, CRYPTO 2015, section 7 (STREAM); RFC 7748 (X25519); RFC 5869 (HKDF); RFC 9106
section 4 (Argon2id, 64 MiB, 3 passes, 4 lanes).
"""

import base64
import binascii
import secrets
from typing import BinaryIO, Final, assert_never

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cardservice.errors import BackupDamaged, BackupNotOpened
from identity.keyfile import sealing_key

FORMAT: Final = b"kent-card-backup-1\n"
PIECE: Final = 1024 * 1024
_TAG: Final = 16
_KEY: Final = 32
_LONGEST_HEADER: Final = 1024
_ZERO: Final = bytes(12)
"""Nonce where a key seals one thing only."""


class Passphrase(msgspec.Struct, frozen=True):
    """Whoever knows it seals and opens."""

    text: str


class Recipient(msgspec.Struct, frozen=True):
    """Whoever has the private key opens; the machine that seals cannot."""

    public: X25519PublicKey


class Identity(msgspec.Struct, frozen=True):
    """The private key of a recipient."""

    private: X25519PrivateKey


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What opens it, a salt or the public half of a key made for it, and the key of the file."""

    opens: str
    given: str
    wrapped: str


_PASSPHRASE, _RECIPIENT = "passphrase", "recipient"


class Sealer:
    """Seals what is written to it.

    Args:
        file: to write to.
        to: who may open it.

    Attributes:
        key: of the file, by which it can be read again as long as this lives.
    """

    def __init__(self, file: BinaryIO, to: Passphrase | Recipient) -> None:
        self.key = secrets.token_bytes(_KEY)
        header = msgspec.json.encode(_wrap(self.key, to)) + b"\n"
        file.write(FORMAT + header)
        self._file = file
        self._sealing = AESGCM(_content_key(self.key, header))
        self._held = bytearray()
        self._number = 0

    def write(self, data: bytes) -> int:
        """Seal as many whole pieces as there are; the rest waits."""
        self._held += data
        while len(self._held) > PIECE:
            self._seal(last=False)
        return len(data)

    def finish(self) -> None:
        """Seal the rest as the last piece."""
        self._seal(last=True)

    def _seal(self, *, last: bool) -> None:
        piece, self._held = bytes(self._held[:PIECE]), self._held[PIECE:]
        self._file.write(self._sealing.encrypt(_nonce(self._number, last=last), piece, None))
        self._number += 1


class Opener:
    """Opens what is read from it.

    Args:
        file: to read from, at its beginning.
        by: what opens it, or the key of the file.

    Raises:
        BackupDamaged: not a file of this format.
        BackupNotOpened: not for this passphrase or key.
    """

    def __init__(self, file: BinaryIO, by: Passphrase | Identity | bytes) -> None:
        if file.read(len(FORMAT)) != FORMAT:
            raise BackupDamaged("This is no backup of Kent Card, or of another version.")
        header = file.readline(_LONGEST_HEADER)
        key = by if isinstance(by, bytes) else _unwrap(header, by)
        self._file = file
        self._sealing = AESGCM(_content_key(key, header))
        self._next = file.read(PIECE + _TAG)
        self._held = b""
        self._number = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end.

        Raises:
            BackupDamaged: the file was changed or cut short.
        """
        while len(self._held) < size and not self._ended:
            self._held += self._piece()
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _piece(self) -> bytes:
        sealed, self._next = self._next, self._file.read(PIECE + _TAG)
        self._ended = not self._next
        try:
            piece = self._sealing.decrypt(_nonce(self._number, last=self._ended), sealed, None)
        except (InvalidTag, ValueError) as error:
            raise BackupDamaged("The backup was changed or cut short.") from error
        self._number += 1
        return piece


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


def _content_key(key: bytes, header: bytes) -> bytes:
    return HKDF(SHA256(), _KEY, salt=header, info=b"kent-card-backup content").derive(key)


def _wrap(key: bytes, to: Passphrase | Recipient) -> _Header:
    match to:
        case Passphrase(text):
            opens, given = _PASSPHRASE, secrets.token_bytes(16)
            wrapping = sealing_key(text, given)
        case Recipient(public):
            mine = X25519PrivateKey.generate()
            opens, given = _RECIPIENT, mine.public_key().public_bytes_raw()
            wrapping = _agreed(mine.exchange(public), given, public)
        case never:
            assert_never(never)
    wrapped = AESGCM(wrapping).encrypt(_ZERO, key, FORMAT)
    return _Header(opens, base64.b64encode(given).decode(), base64.b64encode(wrapped).decode())


def _unwrap(header: bytes, by: Passphrase | Identity) -> bytes:
    try:
        read = msgspec.json.decode(header, type=_Header)
        given, wrapped = (
            base64.b64decode(text, validate=True) for text in (read.given, read.wrapped)
        )
        wrapping = _wrapping(read.opens, given, by)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise BackupDamaged("The beginning of the backup was changed or cut short.") from error
    try:
        return AESGCM(wrapping).decrypt(_ZERO, wrapped, FORMAT)
    except (InvalidTag, ValueError) as error:
        raise BackupNotOpened(
            f"This {_NAMES[read.opens]} does not open the backup, or its beginning was changed."
        ) from error


_NAMES: Final = {_PASSPHRASE: "passphrase", _RECIPIENT: "private key"}


def _wrapping(opens: str, given: bytes, by: Passphrase | Identity) -> bytes:
    wanted = _PASSPHRASE if isinstance(by, Passphrase) else _RECIPIENT
    if opens not in _NAMES:
        raise ValueError("unknown")
    if opens != wanted:
        raise BackupNotOpened(f"This backup is opened by a {_NAMES[opens]}.")
    if isinstance(by, Passphrase):
        return sealing_key(by.text, given)
    shared = by.private.exchange(X25519PublicKey.from_public_bytes(given))
    return _agreed(shared, given, by.private.public_key())


def _agreed(shared: bytes, given: bytes, public: X25519PublicKey) -> bytes:
    salt = given + public.public_bytes_raw()
    return HKDF(SHA256(), _KEY, salt=salt, info=b"kent-card-backup recipient").derive(shared)
