"""What the monitor makes of two looks at the readers, and PC/SC codes of errors."""

import pytest
from smartcard import scard

from readers.card.channel import CardArrived, CardLeft, ReaderAppeared, ReaderGone
from readers.errors import (
    CardMute,
    CardRemoved,
    ReaderBusy,
    ReaderFault,
    ReaderNotFound,
    ReadersError,
    ReaderServiceDown,
)
from readers.pcsc.monitor import Seen, events_between
from readers.pcsc.quirks import error_for

EMPTY = Seen(present=False, count=0)
CARD = Seen(present=True, count=1)


def test_nothing_changed_tells_nothing() -> None:
    assert events_between({"a": CARD, "b": EMPTY}, {"a": CARD, "b": EMPTY}) == ()


def test_a_swap_within_one_look_is_a_leaving_and_an_arrival() -> None:
    after = Seen(present=True, count=3)
    assert events_between({"a": CARD}, {"a": after}) == (CardLeft("a"), CardArrived("a"))


def test_a_swap_is_seen_when_the_count_wraps() -> None:
    before, after = Seen(present=True, count=0xFFFF), Seen(present=True, count=1)
    assert events_between({"a": before}, {"a": after}) == (CardLeft("a"), CardArrived("a"))


def test_a_card_that_came_and_went_unseen_tells_nothing() -> None:
    assert events_between({"a": EMPTY}, {"a": Seen(present=False, count=2)}) == ()


def test_a_reader_that_goes_takes_its_card_along() -> None:
    assert events_between({"a": CARD}, {}) == (CardLeft("a"), ReaderGone("a"))


def test_a_reader_that_comes_with_a_card_appears_first() -> None:
    assert events_between({}, {"a": CARD}) == (ReaderAppeared("a"), CardArrived("a"))


def test_leavings_are_told_before_arrivals_so_one_card_is_never_in_two_places() -> None:
    before = {"a": CARD, "b": EMPTY}
    after = {"a": Seen(present=False, count=2), "b": Seen(present=True, count=1)}
    assert events_between(before, after) == (CardLeft("a"), CardArrived("b"))


def test_a_state_is_presence_and_the_count_in_its_upper_half() -> None:
    state = scard.SCARD_STATE_PRESENT | scard.SCARD_STATE_CHANGED | 0xABCD << 16
    assert Seen.of(state) == Seen(present=True, count=0xABCD)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x80100069, CardRemoved),  # removed
        (0x8010000C, CardRemoved),  # no card
        (0x80100068, CardRemoved),  # reset
        (0x80100067, CardMute),  # unpowered
        (0x80100066, CardMute),  # unresponsive
        (0x8010000B, ReaderBusy),  # sharing violation
        (0x80100009, ReaderNotFound),  # unknown reader
        (0x80100017, ReaderNotFound),  # reader unavailable
        (0x8010002E, ReaderNotFound),  # no readers
        (0x8010001D, ReaderServiceDown),  # no service
        (0x8010001E, ReaderServiceDown),  # service stopped
        (0x80100003, ReaderServiceDown),  # handle of a service that was restarted
        (0x80100001, ReaderFault),  # internal error
        (0x80101234, ReaderFault),  # of a later version
    ],
)
def test_each_code_has_one_meaning_and_is_named_in_the_text(
    code: int, error: type[ReadersError]
) -> None:
    found = error_for(code, "Kent desk 00 00")
    assert type(found) is error
    assert f"{code:08X}" in str(found)
    assert "Kent desk" in str(found)
