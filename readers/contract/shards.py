"""A status list in pieces for terminals: small on the wire, and only what changed is fetched.

A list is cut into shards of `SHARD_PLACES` places. A shard tells the places that are not valid by
the gaps between them, one byte a gap, compressed. The manifest, signed as status lists are, names
every shard by the digest of what it tells. So a shard may come from anywhere and be kept as long as
one likes: with one manifest it is the right one or it is none, and a terminal never decides by
pieces of two lists. The same list in the published form is `statuslist`.

Source: gaps instead of places: Witten, Moffat, Bell, Managing Gigabytes, 2nd ed., section 3.3; a
random list cannot be told shorter than its entropy (`bench.hotlist` prints the distance).
"""

import base64
import hashlib
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta

from readers.contract.statuslist import EXPIRY_DAYS, MAX_BYTES, Status
from readers.errors import ShardRefused, StatusListError

MANIFEST_TYPE: Final = "kentcard-hotlist+jwt"
MEDIA_TYPE: Final = "application/vnd.kentcard.status-shard"
SHARD_PLACES: Final = 2**17
"""About 2 kB each when three in a hundred of two million cards are revoked."""
MOST_PLACES: Final = MAX_BYTES * 4
LASTS_DAYS: Final = EXPIRY_DAYS
FORMAT: Final = 1
SKIP: Final = 255
"""A byte that leads 255 places on and tells of none; any other tells of the place after its gap."""
MARKS: Final = (Status.INVALID, Status.SUSPENDED)
"""What a shard tells, in this order; every other place is valid."""
_LENGTH: Final = 4
_LARGEST: Final = 1 + len(MARKS) * (_LENGTH + SHARD_PLACES + SHARD_PLACES // SKIP)
_SHORTER: Final = 2

Digest = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{43}$")]


class Statuses(Protocol):
    """What a terminal asks about a record's place; both forms of a list answer it."""

    def __len__(self) -> int:
        """How many places there are."""
        ...

    def __getitem__(self, index: int) -> int:
        """The status at a place; raises StatusListError outside the list."""
        ...


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Claim ``hotlist`` of a token of `MANIFEST_TYPE`, whose ``iat`` and ``exp`` are the list's.

    Attributes:
        places: of the whole list.
        shards: digests, in order of the places that they cover.
    """

    places: Annotated[int, Meta(gt=0, le=MOST_PLACES)]
    shards: list[Digest]

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a shard for every place and no more."""
        if len(self.shards) != shard_count(self.places):
            raise ValueError(f"{len(self.shards)} shards do not cover {self.places} places")


class ShardedList:
    """A whole list, put together from its shards: one sorted array, four bytes an entry.

    Args:
        places: how many there are.
        marked: place and status in one number, of every place that is not valid.
        ends: of each shard in `marked`, so that a look-up searches one shard's part.
    """

    __slots__ = ("_ends", "_marked", "_places")

    def __init__(self, places: int, marked: "array[int]", ends: Sequence[int]) -> None:
        self._places = places
        self._marked = marked
        self._ends = (0, *ends)

    def __len__(self) -> int:
        """How many places there are."""
        return self._places

    def __getitem__(self, index: int) -> int:
        """The status at a place.

        Raises:
            StatusListError: outside the list.
        """
        if not 0 <= index < self._places:
            raise StatusListError(f"index {index} lies outside a list of {self._places}")
        marked, number = self._marked, index // SHARD_PLACES
        end = self._ends[number + 1]
        at = bisect_left(marked, index << _SHORTER, self._ends[number], end)
        if at < end and marked[at] >> _SHORTER == index:
            return marked[at] & ((1 << _SHORTER) - 1)
        return Status.VALID.value


def shard_count(places: int) -> int:
    """How many shards a list of that many places has."""
    return -(-places // SHARD_PLACES)


def shard_of(index: int) -> int:
    """The number of the shard that covers a place, from 0."""
    return index // SHARD_PLACES


def pack(marked: Mapping[int, int]) -> bytes:
    """A shard that tells of these places, one way for one content.

    Args:
        marked: place, counted from the shard's first -> status, one of `MARKS`.

    Raises:
        StatusListError: a place outside a shard, or a status that no shard tells.
    """
    if any(not 0 <= place < SHARD_PLACES for place in marked):
        raise StatusListError(f"a shard has the places 0 to {SHARD_PLACES - 1}")
    if not set(marked.values()) <= set(MARKS):
        raise StatusListError(f"a shard tells of no status but {[each.value for each in MARKS]}")
    gaps = [_gaps(sorted(place for place, said in marked.items() if said == at)) for at in MARKS]
    return bytes([FORMAT]) + b"".join(len(each).to_bytes(_LENGTH, "big") + each for each in gaps)


def digest_of(shard: bytes) -> str:
    """What a manifest names a shard by: SHA-256 of what it tells, before compression."""
    return base64.urlsafe_b64encode(hashlib.sha256(shard).digest()).rstrip(b"=").decode()


def deflated(shard: bytes) -> bytes:
    """A shard as it travels and is kept."""
    return zlib.compress(shard, 9)


def checked(packed: bytes, digest: str) -> bytes:
    """The shard in ``packed``, shown to be the one that a manifest names.

    Raises:
        ShardRefused: damaged, forged, or of another list or another time.
    """
    unzip = zlib.decompressobj()
    try:
        shard = unzip.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise ShardRefused("a shard of a status list is no ZLIB data") from error
    if not unzip.eof or unzip.unused_data:
        raise ShardRefused("a shard of a status list is cut short or too long")
    if digest_of(shard) != digest:
        raise ShardRefused("a shard of a status list is not the one that was signed")
    return shard


def put_together(manifest: Manifest, packed: Mapping[str, bytes]) -> ShardedList:
    """The whole list.

    Args:
        manifest: its signature was verified.
        packed: shards as they travel, by digest; others than are named may be among them.

    Raises:
        ShardRefused: one is missing, or is not what its digest says.
        StatusListError: one that was signed tells of what it cannot.
    """
    keys: array[int] = array("I")
    ends = list[int]()
    for number, digest in enumerate(manifest.shards):
        if digest not in packed:
            raise ShardRefused(f"shard {number} of a status list is missing")
        first = number * SHARD_PLACES
        covers = min(SHARD_PLACES, manifest.places - first)
        keys.extend(_keys(checked(packed[digest], digest), first, covers))
        ends.append(len(keys))
    return ShardedList(manifest.places, keys, ends)


def _keys(shard: bytes, first: int, covers: int) -> list[int]:
    """Place and status in one number for every place that a shard tells of, sorted."""
    if shard[:1] != bytes([FORMAT]):
        raise StatusListError("this program does not know the form of a shard")
    found, at = list[int](), 1
    for mark in MARKS:
        end = at + _LENGTH + int.from_bytes(shard[at : at + _LENGTH], "big")
        found += _places(shard[at + _LENGTH : end], first, covers, mark)
        at = end
    if at != len(shard):
        raise StatusListError("a shard has another length than it says")
    found.sort()
    if any(one >> _SHORTER == other >> _SHORTER for one, other in pairwise(found)):
        raise StatusListError("a shard tells two things of one place")
    return found


def _places(gaps: bytes, first: int, covers: int, mark: Status) -> Iterable[int]:
    if gaps[-1:] == bytes([SKIP]):
        raise StatusListError("a shard leads to no place")
    reached = [sum_ for gap, sum_ in zip(gaps, accumulate(gaps), strict=True) if gap != SKIP]
    if reached and reached[-1] + len(reached) > covers:
        raise StatusListError("a shard tells of places that it does not cover")
    low = (first << _SHORTER) + mark
    return [low + ((sum_ + nth) << _SHORTER) for nth, sum_ in enumerate(reached)]


def _gaps(places: Sequence[int]) -> bytes:
    told, after = bytearray(), 0
    for place in places:
        skips, gap = divmod(place - after, SKIP)
        told += bytes([SKIP]) * skips
        told.append(gap)
        after = place + 1
    return bytes(told)
