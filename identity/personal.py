"""Personal data at rest: sealed per row and column, found by blind index."""

import hmac
import secrets
import struct
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from identity.errors import SealBroken
from identity.keys import KeyId, KeyStore, Purpose

# format, generation of the data key; then the nonce and the sealed text with its tag.
_PREFIX: Final = struct.Struct(">BI")
_FORMAT: Final = 1
_NONCE: Final = 12
_TAG: Final = 16


class Vault:
    """Seals and opens single columns, and computes blind indexes.

    A sealed value carries the id of its key, so that keys can be rotated row by row. It is bound to
    its table, column and row: put anywhere else it does not open.
    """

    def __init__(self, keystore: KeyStore) -> None:
        self._keystore = keystore
        self._ciphers: dict[KeyId, AESGCM] = {}

    def seal(self, table: str, column: str, row_id: UUID, text: str) -> bytes:
        """Seal a text for one column of one row."""
        key = self._keystore.current(Purpose.DATA)
        prefix = _PREFIX.pack(_FORMAT, key.generation)
        nonce = secrets.token_bytes(_NONCE)
        place = _place(table, column, row_id, prefix)
        return prefix + nonce + self._cipher(key).encrypt(nonce, text.encode(), place)

    def open(self, table: str, column: str, row_id: UUID, sealed: bytes) -> str:
        """Open what was sealed for this column of this row.

        Raises:
            SealBroken: it was changed, or sealed for another row or column.
            UnknownKey: the store no longer holds its key.
        """
        where = f"{table}.{column} of row {row_id}"
        if len(sealed) < _PREFIX.size + _NONCE + _TAG or sealed[0] != _FORMAT:
            raise SealBroken(f"What is stored in {where} was not sealed by this version.")
        prefix, rest = sealed[: _PREFIX.size], sealed[_PREFIX.size :]
        cipher = self._cipher(KeyId(Purpose.DATA, _PREFIX.unpack(prefix)[1]))
        try:
            return cipher.decrypt(
                rest[:_NONCE], rest[_NONCE:], _place(table, column, row_id, prefix)
            ).decode()
        except InvalidTag as error:
            raise SealBroken(f"What is stored in {where} was changed or moved there.") from error

    def blind(self, field: str, text: str) -> bytes:
        """The blind index (32 bytes) to store: equal texts of one field have equal indexes."""
        return self._blind(self._keystore.current(Purpose.INDEX), field, text)

    def blinds(self, field: str, text: str) -> tuple[bytes, ...]:
        """Every index the text may be stored under: one for each generation of the index key."""
        keys = self._keystore.generations(Purpose.INDEX)
        return tuple(self._blind(key, field, text) for key in keys)

    def _blind(self, key: KeyId, field: str, text: str) -> bytes:
        message = f"{field}\0{text}".encode(errors="surrogatepass")  # whatever was typed
        return hmac.new(self._keystore.reveal(key), message, sha256).digest()

    def _cipher(self, key: KeyId) -> AESGCM:
        if key not in self._ciphers:
            self._ciphers[key] = AESGCM(self._keystore.reveal(key))
        return self._ciphers[key]


def _place(table: str, column: str, row_id: UUID, prefix: bytes) -> bytes:
    return prefix + f"{table}:{column}:{row_id}".encode()
