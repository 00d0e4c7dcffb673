"""Lists in pieces: whatever is revoked, both forms say so, and no mixture of times says less."""

from hypothesis import given
from hypothesis import strategies as st

from readers.contract.shards import (
    MARKS,
    SHARD_PLACES,
    Manifest,
    deflated,
    digest_of,
    pack,
    put_together,
    shard_count,
    shard_of,
)
from readers.contract.statuslist import StatusList, from_claim, joined_claim, segment_of
from readers.errors import ShardRefused

PLACES = 2 * SHARD_PLACES + 1024
SAID = st.dictionaries(
    st.integers(0, PLACES - 1), st.sampled_from([each.value for each in MARKS]), max_size=200
)


def _parts(said: dict[int, int]) -> list[bytes]:
    parts: list[dict[int, int]] = [{} for _ in range(shard_count(PLACES))]
    for place, status in said.items():
        parts[shard_of(place)][place % SHARD_PLACES] = status
    return [pack(each) for each in parts]


def _manifest(parts: list[bytes]) -> Manifest:
    return Manifest(places=PLACES, shards=[digest_of(each) for each in parts])


@given(SAID)
def test_every_place_is_told_as_it_is(said: dict[int, int]) -> None:
    parts = _parts(said)
    whole = put_together(_manifest(parts), {digest_of(each): deflated(each) for each in parts})
    near = {near for place in said for near in (place - 1, place, place + 1)} & set(range(PLACES))
    assert {place: whole[place] for place in near} == {place: said.get(place, 0) for place in near}
    assert len(whole) == PLACES


@given(SAID, SAID, st.sets(st.integers(0, 2)))
def test_shards_of_two_times_never_make_a_list_that_tells_of_fewer_revoked_records(
    before: dict[int, int], revoked: dict[int, int], stale: set[int]
) -> None:
    """Whoever hands shards out keeps some as they were, under the names of the new ones."""
    old, new = _parts(before), _parts(before | revoked)
    handed = {
        digest_of(new[number]): deflated(old[number] if number in stale else new[number])
        for number in range(len(new))
    }
    try:
        whole = put_together(_manifest(new), handed)
    except ShardRefused:
        assert any(old[number] != new[number] for number in stale)
    else:
        assert all(whole[place] == status for place, status in (before | revoked).items())


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_segments_make_the_published_list_that_one_piece_would(pieces: list[bytes]) -> None:
    claim = joined_claim(2, [segment_of(StatusList(2, each)) for each in pieces])
    assert bytes(from_claim(claim).data) == b"".join(pieces)
