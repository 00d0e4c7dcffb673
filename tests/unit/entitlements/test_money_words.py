"""Sums are written as people write them."""

import pytest

from entitlements.schemes.notes import money


@pytest.mark.parametrize(
    ("pence", "words"),
    [
        (0, "£0"),
        (20, "20p"),
        (100, "£1"),
        (520, "£5.20"),
        (505, "£5.05"),
        (40_000, "£400"),
        (123_456_789, "£1,234,567.89"),
    ],
)
def test_a_sum_is_written_without_needless_noughts(pence: int, words: str) -> None:
    assert money(pence) == words
