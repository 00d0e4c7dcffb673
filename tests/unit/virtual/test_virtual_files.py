"""Files of the virtual card: what they are, and where they end."""

import pytest

from readers.card.apdu import run
from readers.card.codes import CommMode, Ins, Status
from readers.card.exchange import exchange
from readers.card.procedures import (
    create_backup_file,
    create_standard_file,
    get_file_ids,
    get_file_settings,
    get_key_version,
    read_data,
    write_data,
)
from tests.support.cards import Recording, card_with, refused, sent, under


@pytest.mark.parametrize(("offset", "length"), [(0, 17), (16, 1), (17, 0), (1, 16)], ids=str)
def test_no_byte_outside_a_file_is_read_or_written(offset: int, length: int) -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=16), card)
    reads = read_data(None, 1, offset, length, mode=CommMode.PLAIN)
    assert refused(reads, card) is Status.BOUNDARY_ERROR
    writes = write_data(None, 1, offset, bytes(length), mode=CommMode.PLAIN)
    assert refused(writes, card) is Status.BOUNDARY_ERROR


def test_a_chained_write_longer_than_the_card_is_refused_at_once() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=16), card)
    assert sent(card, "903D00000701000000FFFFFF00") == "91BE"


def test_a_command_with_too_much_data_is_refused() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=16), card)
    assert sent(card, "908D0000090100000001000000BB00") == "917E"


def test_more_than_one_answer_can_carry_is_refused_where_it_must_go_whole() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=300), card)
    whole = read_data(None, 1, 0, 0, mode=CommMode.PLAIN)
    assert refused(whole, card) is Status.LENGTH_ERROR
    chained = read_data(None, 1, 0, 0, mode=CommMode.PLAIN, native=True)
    assert run(chained, card) == bytes(300)


def test_what_nobody_may_do_is_denied_and_what_others_may_is_not_authenticated() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0x1FF0, size=16), card)
    session = under(card, 2)
    writes = write_data(session, 1, 0, b"x", mode=CommMode.PLAIN)
    assert refused(writes, card) is Status.PERMISSION_DENIED
    session = under(card, 2)
    reads = read_data(session, 1, 0, 1, mode=CommMode.PLAIN)
    assert refused(reads, card) is Status.AUTHENTICATION_ERROR


def test_a_free_file_is_read_in_plain_under_a_session_too() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.FULL, access=0xE111, size=4), card)
    session = under(card, 2)
    assert run(read_data(session, 1, 0, 4, mode=CommMode.PLAIN), card) == bytes(4)
    assert run(get_key_version(session, 0), card) == 0


@pytest.mark.parametrize(
    ("number", "mode", "access", "size", "status"),
    [
        (32, 0, 0xEEEE, 1, Status.PARAMETER_ERROR),
        (1, 2, 0xEEEE, 1, Status.PARAMETER_ERROR),
        (1, 0, 0xEEEE, 0, Status.PARAMETER_ERROR),
        (1, 0, 0x9EEE, 1, Status.NO_SUCH_KEY),
        (1, 0, 0xEEEE, 4096, None),
        (1, 0, 0xEEEE, 4097, Status.PARAMETER_ERROR),
    ],
)
def test_a_file_that_cannot_be_is_not_made(
    number: int, mode: int, access: int, size: int, status: Status | None
) -> None:
    card = card_with()
    settings = bytes([number, mode]) + access.to_bytes(2, "little") + size.to_bytes(3, "little")
    creates = exchange(None, Ins.CREATE_STANDARD_FILE, settings)
    if status is None:
        run(creates, card)
    else:
        assert refused(creates, card) is status


def test_memory_is_finite_and_a_backup_file_takes_twice_its_size() -> None:
    card = card_with()
    run(create_backup_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=2000), card)
    too_much = create_standard_file(None, 2, mode=CommMode.PLAIN, access=0xEEEE, size=97)
    assert refused(too_much, card) is Status.OUT_OF_MEMORY
    run(create_standard_file(None, 2, mode=CommMode.PLAIN, access=0xEEEE, size=96), card)
    run(exchange(None, Ins.DELETE_FILE, b"\1"), card)
    assert run(get_file_ids(None), card) == b"\2"


def test_a_file_is_made_once() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=1), card)
    again = create_backup_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=1)
    assert refused(again, card) is Status.DUPLICATE


def test_a_file_that_is_not_there_is_not_found() -> None:
    card = card_with()
    reads = read_data(None, 7, 0, 0, mode=CommMode.PLAIN)
    assert refused(reads, card) is Status.FILE_NOT_FOUND
    assert refused(get_file_settings(None, 7), card) is Status.FILE_NOT_FOUND


@pytest.mark.parametrize("mode", CommMode)
@pytest.mark.parametrize("size", [1, 51, 52, 53, 111, 112, 500])
def test_a_long_write_goes_in_frames_of_59_bytes(mode: CommMode, size: int) -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=mode, access=0x1111, size=500), card)
    session = under(card, 1)
    channel = Recording(card)
    data = bytes(range(250)) * 2
    run(write_data(session, 1, 0, data[:size], mode=mode, native=True), channel)
    frames = [len(command) - 6 for command, _ in channel.pairs]
    assert frames[:-1] == [59] * (len(frames) - 1)
    content = run(read_data(session, 1, 0, size, mode=mode, native=True), card)
    assert content == data[:size]


@pytest.mark.parametrize("command", ["90AD000002010000", "908D000002010000", "90AD000000"])
def test_a_range_that_is_not_whole_is_refused(command: str) -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=16), card)
    assert sent(card, command) == "917E"


def test_data_of_another_length_than_it_says_is_refused() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.FULL, access=0x1111, size=16), card)
    session = under(card, 1)
    header = bytes.fromhex("01000000040000")
    writes = exchange(session, Ins.WRITE_DATA_ISO, header, b"five!", mode=CommMode.FULL)
    assert refused(writes, card) is Status.LENGTH_ERROR
