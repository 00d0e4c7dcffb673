"""Components of a key on paper: what was mistyped is found, and neither tells of the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardservice.errors import BadComponent
from cardservice.key_components import (
    GROUPS,
    check_value,
    combined,
    new_component,
    read,
    written,
)

components = st.binary(min_size=16, max_size=16)
DIGITS = "0123456789ABCDEF"


@given(components)
def test_a_component_is_read_as_it_was_written(component: bytes) -> None:
    assert read(written(component)) == component
    assert read(written(component).lower().replace(" ", "")) == component


@given(components, st.integers(0, GROUPS - 1), st.integers(0, 4), st.integers(1, 15))
def test_one_wrong_digit_is_found_and_its_group_named(
    component: bytes, group: int, place: int, by: int
) -> None:
    groups = written(component).split()
    digits = list(groups[group])
    digits[place] = DIGITS[(DIGITS.index(digits[place]) + by) % 16]
    groups[group] = "".join(digits)
    with pytest.raises(BadComponent, match=rf"Mistyped: group {group + 1} of 8"):
        read(" ".join(groups))


@given(components, st.integers(0, GROUPS - 1), st.integers(0, 3))
def test_two_digits_that_changed_places_are_found_but_for_one_pair(
    component: bytes, group: int, place: int
) -> None:
    groups = written(component).split()
    digits = list(groups[group])
    pair = {digits[place], digits[place + 1]}
    digits[place], digits[place + 1] = digits[place + 1], digits[place]
    groups[group] = "".join(digits)
    if len(pair) == 1 or pair == {"0", "F"}:
        assert read(" ".join(groups))
    else:
        with pytest.raises(BadComponent):
            read(" ".join(groups))


@pytest.mark.parametrize(
    "text",
    ["", " ", "0000 " * 8, "00000 " * 7, "00000 " * 9, "0000G " * 8, "\u0660" * 40, "0" * 41],
)
def test_what_is_no_component_is_refused(text: str) -> None:
    with pytest.raises(BadComponent):
        read(text)


@given(components, components)
def test_the_key_is_both_and_any_key_is_possible_beside_one(first: bytes, key: bytes) -> None:
    """Whoever knows one component knows nothing: another fits it for each key there is."""
    second = bytes(a ^ b for a, b in zip(first, key, strict=True))
    if first == second:
        with pytest.raises(BadComponent, match="same component"):
            combined([first, second])
    else:
        assert combined([first, second]) == combined([second, first]) == key


def test_a_check_value_is_the_beginning_of_the_cmac_of_zeros() -> None:
    """With the key of NIST SP 800-38B appendix D.1; the value is by `openssl mac`."""
    assert check_value(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")) == "7AD386"


def test_no_two_components_are_alike() -> None:
    assert len({new_component() for _ in range(100)}) == 100
