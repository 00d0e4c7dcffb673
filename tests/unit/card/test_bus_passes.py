"""Bus passes of other issuers: read as they state themselves, and refused when misread."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readers.card.apdu import run
from readers.card.itso import (
    BusPass,
    check_digit,
    check_isrn,
    day_of,
    is_blocked,
    parse_shell,
    read_bus_pass,
)
from readers.errors import CardRemoved, ForeignCard, MalformedShell, ReadersError
from readers.terminal.bus_pass import in_words
from readers.virtual.card import VirtualCard
from tests.support.bus_passes import DAY, ISRN, bus_pass, directory_of, shell_of
from tests.support.cards import UID, Answering, kent_card


@pytest.mark.parametrize("blocked", [True, False])
def test_number_end_and_mark_of_a_pass_are_read(*, blocked: bool) -> None:
    card = bus_pass(shell_of() + bytes(24), directory_of(blocked=blocked))
    assert run(read_bus_pass(), card) == BusPass(isrn=ISRN, expires_on=DAY, blocked=blocked)


def test_a_pass_without_a_directory_does_not_tell_whether_it_is_blocked() -> None:
    read = run(read_bus_pass(), bus_pass(shell_of()))
    assert read == BusPass(isrn=ISRN, expires_on=DAY, blocked=None)


def test_a_shell_with_a_media_number_has_its_checksum_further_on() -> None:
    shell = shell_of(mcrn=bytes.fromhex("12345678901234567fff"))
    assert parse_shell(shell + bytes(40)) == (ISRN, DAY)


@pytest.mark.parametrize("card", [VirtualCard(UID), kent_card()], ids=["blank", "Kent Card"])
def test_another_card_is_no_bus_pass(card: VirtualCard) -> None:
    with pytest.raises(ForeignCard):
        run(read_bus_pass(), card)


def test_a_card_that_speaks_otherwise_is_no_bus_pass() -> None:
    with pytest.raises(ForeignCard):
        run(read_bus_pass(), Answering("6A82"))


def test_a_pass_that_is_taken_away_is_told_apart() -> None:
    for commands in range(1, 4):
        card = bus_pass(shell_of(), directory_of(blocked=False))
        card.tear_after(commands)
        with pytest.raises(CardRemoved):
            run(read_bus_pass(), card)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "a shell of 0 bytes"),
        (bytes(64), "a shell of 0 bytes"),
        (shell_of()[:23], "a shell of 24 bytes in a file of 23"),
        (b"\x18\x01\x04", "a file of 3"),
        (b"\xff" * 48, "a shell of 252 bytes"),
        (shell_of()[:-1] + b"\0", "misread"),
        (shell_of("123456028901000016"), "begins with 633597"),
        (shell_of("633597028901000017"), "last digit"),
        (shell_of("63359702890100001f"), "18 digits"),
    ],
)
def test_what_is_no_whole_shell_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(MalformedShell, match=words):
        parse_shell(data)


def test_every_single_misread_bit_of_a_shell_is_noticed() -> None:
    shell = shell_of()
    for bit in range(len(shell) * 8):
        misread = bytearray(shell)
        misread[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedShell):
            parse_shell(bytes(misread))


@pytest.mark.parametrize(
    ("days", "day"),
    [(1, date(1997, 1, 2)), (11_412, DAY), (0, None), (2**14 - 1, None)],
)
def test_days_count_from_1997_and_two_of_them_mean_no_end(days: int, day: date | None) -> None:
    assert day_of(days) == day


def test_the_mark_of_a_real_directory_is_the_last_bit_of_its_bitmap() -> None:
    assert is_blocked(bytes.fromhex("0021134840")) is False
    assert is_blocked(bytes.fromhex("0031134840")) is True
    assert is_blocked(b"\0") is None


@pytest.mark.parametrize(
    "isrn", ["", "6335970289010000", ISRN + "0", "63359702890100001٦", ISRN.replace("6", "9", 1)]
)
def test_what_is_typed_and_no_number_of_a_pass_is_refused(isrn: str) -> None:
    with pytest.raises(MalformedShell):
        check_isrn(isrn)


@given(st.integers(0, 10**11 - 1))
def test_one_of_ten_last_digits_fits(serial: int) -> None:
    first = f"633597{serial:011d}"
    fitting = [digit for digit in "0123456789" if check_digit(first) == digit]
    assert len(fitting) == 1
    check_isrn(first + fitting[0])


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_are_more_than_refused(data: bytes) -> None:
    with pytest.raises(ReadersError):
        parse_shell(data)


def test_a_pass_is_told_in_a_line_that_says_what_it_is_worth() -> None:
    read = BusPass(isrn=ISRN, expires_on=DAY, blocked=False)
    number = "633597 0289 0100001 6"
    assert in_words(read, on=DAY) == (
        f"{number}. Expires on 31 March 2028. Not marked as blocked. Read, not verified."
    )
    over = in_words(read, on=date(2028, 4, 1))
    assert over.startswith(f"{number}. Expired on 31 March 2028.")
    endless = BusPass(isrn=ISRN, expires_on=None, blocked=True)
    assert "No end. Marked as blocked." in in_words(endless, on=DAY)
    untold = BusPass(isrn=ISRN, expires_on=None, blocked=None)
    assert "Does not tell whether it is blocked." in in_words(untold, on=DAY)
