"""Token Status List: one number of one or two bits per service record, compressed and signed.

Source: draft-ietf-oauth-status-list-21, sections 4 and 5.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final, Literal

from readers.errors import StatusListError

TOKEN_TYPE: Final = "statuslist+jwt"  # noqa: S105  a media type, not a secret
MEDIA_TYPE: Final = "application/statuslist+jwt"
TTL_SECONDS: Final = 300
EXPIRY_DAYS: Final = 30
MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest list a reader unpacks: two bits for 16 million records; a bomb is refused."""

Bits = Literal[1, 2, 4, 8]


class Status(IntEnum):
    """Section 7.1. A lost card may be found again: suspended. A replaced one never: invalid."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


class StatusList:
    """A list of small numbers, least significant bit first (section 4.1).

    Attributes:
        bits: per entry: 1, 2, 4 or 8.
        data: the packed entries.
    """

    __slots__ = ("bits", "data")

    def __init__(self, bits: Bits, data: bytes | bytearray) -> None:
        self.bits = bits
        self.data = data

    @classmethod
    def of_size(cls, entries: int, bits: Bits = 2) -> "StatusList":
        """A list of at least ``entries`` entries, all valid (0)."""
        return cls(bits, bytearray((entries * bits + 7) // 8))

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.data) * 8 // self.bits

    def __getitem__(self, index: int) -> int:
        """The number at ``index``.

        Raises:
            StatusListError: outside the list (section 8.3: such a token must be rejected).
        """
        byte, shift, mask = self._place(index)
        return (self.data[byte] >> shift) & mask

    def __setitem__(self, index: int, value: int) -> None:
        """Set the number at ``index``; raises :class:`StatusListError` outside list or range."""
        byte, shift, mask = self._place(index)
        if not 0 <= value <= mask:
            raise StatusListError(f"{value} does not fit {self.bits} bits")
        if not isinstance(self.data, bytearray):
            raise StatusListError("this list is read only")
        self.data[byte] = (self.data[byte] & ~(mask << shift)) | (value << shift)

    def _place(self, index: int) -> tuple[int, int, int]:
        if not 0 <= index < len(self):
            raise StatusListError(f"index {index} lies outside a list of {len(self)}")
        start = index * self.bits
        return start >> 3, start & 7, (1 << self.bits) - 1


def to_claim(status_list: StatusList) -> dict[str, Any]:
    """The ``status_list`` claim (section 4.2): bits, and the list as base64url of ZLIB data."""
    packed = zlib.compress(bytes(status_list.data), 9)
    return {
        "bits": status_list.bits,
        "lst": base64.urlsafe_b64encode(packed).rstrip(b"=").decode(),
    }


def from_claim(claim: object) -> StatusList:
    """The list in a ``status_list`` claim.

    Raises:
        StatusListError: wrong bits, no base64url, no ZLIB data, or larger than ``MAX_BYTES``.
    """
    if not isinstance(claim, Mapping):
        raise StatusListError("no status_list claim")
    bits, packed = claim.get("bits"), claim.get("lst")
    if bits not in (1, 2, 4, 8) or isinstance(bits, bool) or not isinstance(packed, str):
        raise StatusListError("bits must be 1, 2, 4 or 8, and lst a text")
    return StatusList(bits, _unpack(packed))


def _unpack(packed: str) -> bytes:
    try:
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        unzip = zlib.decompressobj()
        data = unzip.decompress(raw, MAX_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise StatusListError("lst is not base64url of ZLIB data") from error
    if not unzip.eof:
        raise StatusListError("lst is cut short or larger than a list may be")
    return data
