"""Personal data at rest: sealed per row and column, found by blind index."""

import hmac
import secrets
import struct
from hashlib import blake2b
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from identity.errors import PersonErased, SealBroken
from identity.keys import KeyId, KeyStore, Purpose

# Sealed with the store's data key: format and generation; then nonce, sealed text and tag.
_PREFIX: Final = struct.Struct(">BI")
_FORMAT: Final = 1
# Sealed with a person's own key: the format alone; then the same.
_PERSONAL: Final = b"\x02"
_NONCE: Final = 12
_TAG: Final = 16
# Keeps fingerprints apart from whatever else a person's key may once be used for.
_FINGERPRINT: Final = b"fingerprint"
_FINGERPRINT_BYTES: Final = 16


class Vault:
    """Seals and opens single columns, and computes blind indexes.

    A sealed value carries the id of its key, so that keys can be rotated row by row. It is bound to
    its table, column and row: put anywhere else it does not open. What belongs to a person is
    sealed by their own key: see `PersonVault`.
    """

    def __init__(self, keystore: KeyStore) -> None:
        self._keystore = keystore
        self._ciphers: dict[KeyId, AESGCM] = {}

    def generation(self, purpose: Purpose) -> int:
        """The generation of a key that is used from now on."""
        return self._keystore.current(purpose).generation

    def current_prefix(self) -> bytes:
        """How everything begins that is sealed with the data key from now on."""
        return _PREFIX.pack(_FORMAT, self.generation(Purpose.DATA))

    def seal(self, table: str, column: str, row_id: UUID, text: str) -> bytes:
        """Seal a text for one column of one row."""
        key = self._keystore.current(Purpose.DATA)
        prefix = _PREFIX.pack(_FORMAT, key.generation)
        return _sealed(self._cipher(key), prefix, _Place(table, column, row_id), text.encode())

    def open(self, table: str, column: str, row_id: UUID, sealed: bytes) -> str:
        """Open what was sealed for this column of this row.

        Raises:
            SealBroken: it was changed, or sealed for another row or column.
            UnknownKey: the store no longer holds its key.
        """
        place = _Place(table, column, row_id)
        if len(sealed) < _PREFIX.size + _NONCE + _TAG or sealed[0] != _FORMAT:
            raise SealBroken(f"What is stored in {place} was not sealed by this version.")
        prefix = sealed[: _PREFIX.size]
        cipher = self._cipher(KeyId(Purpose.DATA, _PREFIX.unpack(prefix)[1]))
        return _opened(cipher, prefix, place, sealed).decode()

    def blind(self, field: str, text: str) -> bytes:
        """The blind index (32 bytes) to store: equal texts of one field have equal indexes."""
        return self._blind(self._keystore.current(Purpose.INDEX), field, text)

    def blinds(self, field: str, text: str) -> tuple[bytes, ...]:
        """Every index the text may be stored under: one for each generation of the index key."""
        keys = self._keystore.generations(Purpose.INDEX)
        return tuple(self._blind(key, field, text) for key in keys)

    def _blind(self, key: KeyId, field: str, text: str) -> bytes:
        message = f"{field}\0{text}".encode(errors="surrogatepass")  # whatever was typed
        return hmac.digest(self._keystore.reveal(key), message, "sha256")

    def _cipher(self, key: KeyId) -> AESGCM:
        if key not in self._ciphers:
            self._ciphers[key] = AESGCM(self._keystore.reveal(key))
        return self._ciphers[key]


class PersonVault:
    """Seals and opens what belongs to one person, with a key of their own.

    What was sealed with the store's data key, before the person had a key, opens too.
    """

    def __init__(self, vault: Vault, key: bytes | None) -> None:
        self._vault = vault
        self._key = key
        self._cipher = None if key is None else AESGCM(key)

    def seal(self, table: str, column: str, row_id: UUID, text: str) -> bytes:
        """Seal a text for one column of one row.

        Raises:
            PersonErased: the person has no key.
        """
        return self.seal_bytes(table, column, row_id, text.encode())

    def seal_bytes(self, table: str, column: str, row_id: UUID, content: bytes) -> bytes:
        """Seal a file for one column of one row.

        Raises:
            PersonErased: the person has no key.
        """
        return _sealed(self._own(), _PERSONAL, _Place(table, column, row_id), content)

    def open(self, table: str, column: str, row_id: UUID, sealed: bytes) -> str:
        """Open what was sealed for this column of this row.

        Raises:
            SealBroken: it was changed, or sealed for another person, row or column.
            PersonErased: the person's key was destroyed.
        """
        if not sealed and self._cipher is None:  # what erasure leaves of a column
            raise PersonErased("This person's record was erased.")
        if not self.is_own(sealed):
            return self._vault.open(table, column, row_id, sealed)
        return self.open_bytes(table, column, row_id, sealed).decode()

    def open_bytes(self, table: str, column: str, row_id: UUID, sealed: bytes) -> bytes:
        """Open a file that was sealed with the person's own key for this column of this row.

        Raises:
            SealBroken: it was changed, or sealed for another person, row or column.
            PersonErased: the person's key was destroyed.
        """
        place = _Place(table, column, row_id)
        if len(sealed) < len(_PERSONAL) + _NONCE + _TAG:
            raise SealBroken(f"What is stored in {place} was cut short.")
        return _opened(self._own(), _PERSONAL, place, sealed)

    def fingerprint(self, content: bytes) -> bytes:
        """16 bytes that are the same for the same content of this person, and tell no more.

        Without the person's key nobody can say whose content it is, or try contents out.

        Raises:
            PersonErased: the person has no key.
        """
        if self._key is None:
            raise PersonErased("This person's record was erased.")
        made = blake2b(content, key=self._key, person=_FINGERPRINT, digest_size=_FINGERPRINT_BYTES)
        return made.digest()

    @property
    def has_key(self) -> bool:
        """Whether the person has a key of their own."""
        return self._key is not None

    @staticmethod
    def is_own(sealed: bytes) -> bool:
        """Whether it was sealed with a person's key."""
        return sealed[:1] == _PERSONAL

    def _own(self) -> AESGCM:
        if self._cipher is None:
            raise PersonErased("This person's record was erased.")
        return self._cipher


class _Place(NamedTuple):
    """Where a value is stored, which its seal is bound to."""

    table: str
    column: str
    row_id: UUID

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.row_id}"

    @property
    def bound(self) -> bytes:
        return f"{self.table}:{self.column}:{self.row_id}".encode()


def _sealed(cipher: AESGCM, prefix: bytes, place: _Place, content: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return prefix + nonce + cipher.encrypt(nonce, content, prefix + place.bound)


def _opened(cipher: AESGCM, prefix: bytes, place: _Place, sealed: bytes) -> bytes:
    rest = sealed[len(prefix) :]
    try:
        return cipher.decrypt(rest[:_NONCE], rest[_NONCE:], prefix + place.bound)
    except InvalidTag as error:
        raise SealBroken(f"What is stored in {place} was changed or moved there.") from error
