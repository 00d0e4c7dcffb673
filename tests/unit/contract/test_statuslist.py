"""Status lists: the specification's examples, and lists no reader may trust.

Source: draft-ietf-oauth-status-list-21 sections 4.1 (arrays), 4.2 (JSON), 8.3 (out of bounds).
"""

import base64
import zlib

import pytest

from readers.contract.statuslist import (
    MAX_BYTES,
    Bits,
    Status,
    StatusList,
    from_claim,
    to_claim,
)
from readers.errors import StatusListError

ONE_BIT = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
TWO_BITS = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]

EXAMPLES = [
    pytest.param(1, ONE_BIT, "b9a3", "eNrbuRgAAhcBXQ", id="one bit"),
    pytest.param(2, TWO_BITS, "c944f9", "eNo76fITAAPfAgc", id="two bits"),
]


@pytest.mark.parametrize(("bits", "statuses", "packed", "lst"), EXAMPLES)
def test_the_specifications_list_is_read(
    bits: Bits, statuses: list[int], packed: str, lst: str
) -> None:
    read = from_claim({"bits": bits, "lst": lst})
    assert bytes(read.data).hex() == packed
    assert [read[index] for index in range(len(read))] == statuses


@pytest.mark.parametrize(("bits", "statuses", "packed", "lst"), EXAMPLES)
def test_the_specifications_list_is_written(
    bits: Bits, statuses: list[int], packed: str, lst: str
) -> None:
    written = StatusList.of_size(len(statuses), bits)
    for index, status in enumerate(statuses):
        written[index] = status
    assert bytes(written.data).hex() == packed
    assert to_claim(written) == {"bits": bits, "lst": lst}


def test_the_numbers_of_the_statuses_are_the_registered_ones() -> None:
    assert (Status.VALID, Status.INVALID, Status.SUSPENDED) == (0, 1, 2)


def test_a_new_list_says_valid_everywhere() -> None:
    fresh = StatusList.of_size(5)
    assert len(fresh) == 8, "entries come in whole bytes"
    assert {fresh[index] for index in range(8)} == {Status.VALID}


@pytest.mark.parametrize("index", [-1, 12, 2**40])
def test_an_index_outside_the_list_is_an_error_and_never_valid(index: int) -> None:
    example = from_claim({"bits": 2, "lst": "eNo76fITAAPfAgc"})
    with pytest.raises(StatusListError):
        example[index]


def test_a_number_too_large_for_its_bits_is_not_written() -> None:
    small = StatusList.of_size(8, 2)
    for value in (-1, 4):
        with pytest.raises(StatusListError):
            small[0] = value
    assert small[0] == Status.VALID


def test_a_list_that_was_received_cannot_be_changed() -> None:
    received = from_claim({"bits": 2, "lst": "eNo76fITAAPfAgc"})
    with pytest.raises(StatusListError):
        received[0] = Status.VALID


@pytest.mark.parametrize(
    "claim",
    [
        None,
        "eNrbuRgAAhcBXQ",
        {},
        {"bits": 1},
        {"bits": 3, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": True, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": "1", "lst": "eNrbuRgAAhcBXQ"},
        {"bits": [1], "lst": "eNrbuRgAAhcBXQ"},
        {"bits": 1, "lst": b"eNrbuRgAAhcBXQ"},
        {"bits": 1, "lst": "not base64url!"},
        {"bits": 1, "lst": "ünicode"},
        {"bits": 1, "lst": "eNrbuRgAAhcB"},
        {"bits": 1, "lst": "AAAA"},
        {"bits": 1, "lst": ""},
    ],
)
def test_a_claim_that_is_no_list_is_an_error(claim: object) -> None:
    with pytest.raises(StatusListError):
        from_claim(claim)


def test_a_list_that_would_fill_the_memory_is_refused() -> None:
    packed = zlib.compress(bytes(MAX_BYTES + 1), 9)
    assert len(packed) < 10_000
    lst = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    with pytest.raises(StatusListError):
        from_claim({"bits": 2, "lst": lst})


def test_the_largest_list_allowed_is_read() -> None:
    largest = from_claim(to_claim(StatusList(2, bytes(MAX_BYTES))))
    assert len(largest) == MAX_BYTES * 4
