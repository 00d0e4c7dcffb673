"""Token Status List: one number of one or two bits per service record, compressed and signed.

A long list is compressed in segments, so that a change compresses one of them anew and not all.

Source: draft-ietf-oauth-status-list-21, sections 4 and 5; RFC 1950 and RFC 1951 (a ZLIB stream may
be made of blocks that were compressed apart).
"""

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, Literal, NamedTuple

from readers.errors import StatusListError

TOKEN_TYPE: Final = "statuslist+jwt"  # noqa: S105  a media type, not a secret
MEDIA_TYPE: Final = "application/statuslist+jwt"
TTL_SECONDS: Final = 300
EXPIRY_DAYS: Final = 30
MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest list a reader unpacks: two bits for 16 million records; a bomb is refused."""

Bits = Literal[1, 2, 4, 8]

_ZLIB_HEADER: Final = b"\x78\xda"
_LAST_BLOCK: Final = b"\x03\x00"
"""An empty one, of fixed codes: RFC 1951 section 3.2.6."""
_ADLER_BASE: Final = 65521
_ADLER_OF_NOTHING: Final = 1


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


class Segment(NamedTuple):
    """Part of a list, compressed by itself; all but the last are a whole number of bytes.

    Attributes:
        packed: DEFLATE blocks that end on a byte and are not the last ones.
        checksum: Adler-32 of what they hold, so many bytes long.
    """

    packed: bytes
    checksum: int
    length: int


def segment_of(status_list: StatusList) -> Segment:
    """Compress a part of a list. Runs and single bytes are all there is to find in one."""
    data = bytes(status_list.data)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_RLE)
    packed = squeeze.compress(data) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return Segment(packed, zlib.adler32(data), len(data))


def joined_claim(bits: Bits, segments: Sequence[Segment]) -> dict[str, Any]:
    """The ``status_list`` claim of the list that these are the parts of, in order."""
    stream = bytearray(_ZLIB_HEADER)
    checksum = _ADLER_OF_NOTHING
    for each in segments:
        stream += each.packed
        checksum = _adler_of_both(checksum, each.checksum, each.length)
    stream += _LAST_BLOCK + checksum.to_bytes(4, "big")
    return {"bits": bits, "lst": base64.urlsafe_b64encode(stream).rstrip(b"=").decode()}


def _adler_of_both(first: int, second: int, second_length: int) -> int:
    """Adler-32 of two pieces from those of each: RFC 1950 section 9, its sums taken apart."""
    low, high = first & 0xFFFF, first >> 16
    low_2, high_2 = second & 0xFFFF, second >> 16
    return ((high + high_2 + second_length * (low - 1)) % _ADLER_BASE) << 16 | (
        (low + low_2 - 1) % _ADLER_BASE
    )


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
