"""A list in pieces says what the whole list says, and no piece passes for another."""

import zlib

import msgspec
import pytest

from readers.contract.shards import (
    SHARD_PLACES,
    Manifest,
    ShardedList,
    checked,
    deflated,
    digest_of,
    pack,
    put_together,
)
from readers.contract.statuslist import Status
from readers.errors import ShardRefused, StatusListError

PLACES = SHARD_PLACES + 1024
HEAD = bytes([1])


def _manifest(shards: list[bytes], places: int = PLACES) -> Manifest:
    return Manifest(places=places, shards=[digest_of(each) for each in shards])


def _kept(shards: list[bytes]) -> dict[str, bytes]:
    return {digest_of(each): deflated(each) for each in shards}


def _signed(shard: bytes, places: int = 1024) -> ShardedList:
    """A list of one shard that the server signed, whatever is in it."""
    return put_together(_manifest([shard], places), _kept([shard]))


def _parts(invalid: bytes, suspended: bytes = b"") -> bytes:
    return HEAD + b"".join(len(each).to_bytes(4, "big") + each for each in (invalid, suspended))


@pytest.mark.parametrize("place", [0, 254, 255, 256, 509, 510, 511, SHARD_PLACES - 1])
def test_gaps_at_the_edge_of_a_byte(place: int) -> None:
    whole = _signed(pack({place: Status.INVALID}), SHARD_PLACES)
    assert whole[place] == Status.INVALID
    around = {place - 1, place + 1} & set(range(SHARD_PLACES))
    assert {whole[each] for each in around} == {Status.VALID}


def test_full_shards_and_empty_ones() -> None:
    full = pack(dict.fromkeys(range(SHARD_PLACES), Status.SUSPENDED.value))
    whole = put_together(_manifest([full, pack({})]), _kept([full, pack({})]))
    assert {whole[each] for each in (0, 1, SHARD_PLACES - 1)} == {Status.SUSPENDED}
    assert {whole[each] for each in (SHARD_PLACES, PLACES - 1)} == {Status.VALID}


@pytest.mark.parametrize("index", [-1, PLACES, 2**40])
def test_a_place_outside_the_list_is_no_valid_record(index: int) -> None:
    parts = [pack({}), pack({})]
    with pytest.raises(StatusListError):
        put_together(_manifest(parts), _kept(parts))[index]


@pytest.mark.parametrize(
    "marked",
    [{-1: 1}, {SHARD_PLACES: 1}, {3: 0}, {3: 3}],
    ids=["before", "after", "valid", "unknown status"],
)
def test_what_no_shard_can_tell_is_not_packed(marked: dict[int, int]) -> None:
    with pytest.raises(StatusListError):
        pack(marked)


def test_a_shard_is_packed_in_one_way_only() -> None:
    assert pack({7: 1, 300: 2, 5: 1}) == pack({300: 2, 5: 1, 7: 1})


GOOD = pack({7: 1})
PACKED = deflated(GOOD)


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        PACKED[:-1],
        PACKED + b"\0",
        b"no zlib",
        deflated(pack({8: 1})),
        zlib.compress(bytes(10 * SHARD_PLACES)),
        PACKED[:-6] + bytes([PACKED[-6] ^ 1]) + PACKED[-5:],
    ],
    ids=["nothing", "cut short", "too long", "no zlib", "of another time", "bomb", "one bit"],
)
def test_a_shard_that_is_not_the_one_that_was_signed_is_refused(spoilt: bytes) -> None:
    with pytest.raises(ShardRefused):
        checked(spoilt, digest_of(GOOD))


def test_a_shard_that_is_missing_is_refused_and_never_taken_for_empty() -> None:
    parts = [pack({}), pack({7: 1})]
    kept = _kept(parts)
    del kept[digest_of(parts[1])]
    with pytest.raises(ShardRefused, match="shard 1 of"):
        put_together(_manifest(parts), kept)


def test_shards_in_another_order_are_another_list() -> None:
    one, other = pack({1: 1}), pack({2: 2})
    swapped = _kept([one, other])
    swapped[digest_of(one)], swapped[digest_of(other)] = deflated(other), deflated(one)
    with pytest.raises(ShardRefused):
        put_together(_manifest([one, other]), swapped)


@pytest.mark.parametrize(
    "shard",
    [
        b"",
        HEAD,
        bytes([2]) + pack({})[1:],
        pack({}) + b"\0",
        pack({7: 1})[:-1],
        _parts(b"\xff"),
        _parts(b"\x05", b"\x05"),
        _parts(bytes([255] * 8)),
        _parts(bytes([255, 255, 255, 255, 100])),
    ],
    ids=[
        "nothing", "no lengths", "unknown form", "bytes after", "cut short", "leads nowhere",
        "two things of one place", "only skips", "beyond the list",
    ],
)  # fmt: skip
def test_a_signed_shard_that_makes_no_sense_is_refused(shard: bytes) -> None:
    with pytest.raises(StatusListError):
        _signed(shard)


@pytest.mark.parametrize(
    ("places", "shards"),
    [
        (0, []),
        (2**40, ["a" * 43]),
        (1024, []),
        (1024, ["a" * 43, "b" * 43]),
        (SHARD_PLACES + 1, ["a" * 43]),
        (1024, ["a" * 42]),
        (1024, ["a" * 42 + "="]),
    ],
)
def test_a_manifest_that_does_not_cover_its_list_is_none(places: int, shards: list[str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"places": places, "shards": shards}, Manifest)
