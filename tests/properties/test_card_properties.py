"""What must hold for any bytes, any place in a file, and any card however odd."""

from contextlib import suppress
from secrets import token_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from readers.card.apdu import run
from readers.card.authentication import authenticate_ev2_first
from readers.card.codes import CommMode
from readers.card.crypto import cmac, pad, unpad
from readers.card.keys import AES128_CONSTANT, diversify
from readers.card.layout import KENT_AID, WRITE_KEY
from readers.card.personalise import personalise, read_service, update
from readers.card.procedures import (
    commit_transaction,
    create_application,
    create_backup_file,
    create_standard_file,
    read_data,
    read_uid,
    select_application,
    write_data,
)
from readers.contract.services import Service
from readers.errors import CardRemoved, ReadersError
from readers.virtual.card import VirtualCard
from tests.support.cards import KEYS, RECORDS, UID, kent_card, read

SIZE = 600
ZERO = bytes(16)
modes = st.sampled_from(CommMode)


def card_with_file(*, backup: bool, mode: CommMode) -> VirtualCard:
    card = VirtualCard(UID)
    run(create_application(None, KENT_AID, key_settings=0x0F, key_count=1), card)
    run(select_application(KENT_AID), card)
    create = create_backup_file if backup else create_standard_file
    run(create(None, 1, mode=mode, access=0x0000, size=SIZE), card)
    return card


@given(
    data=st.integers(1, SIZE).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    offset=st.integers(0, SIZE - 1),
    mode=modes,
    backup=st.booleans(),
)
def test_what_is_written_in_frames_is_read_in_frames(
    data: bytes, offset: int, mode: CommMode, *, backup: bool
) -> None:
    assume(offset + len(data) <= SIZE)
    card = card_with_file(backup=backup, mode=mode)
    session = run(authenticate_ev2_first(0, ZERO, random=token_bytes), card)
    run(write_data(session, 1, offset, data, mode=mode, native=True), card)
    if backup:
        run(commit_transaction(session), card)
    content = run(read_data(session, 1, 0, 0, mode=mode, native=True), card)
    assert content == bytes(offset) + data + bytes(SIZE - offset - len(data))


@given(data=st.binary(min_size=1, max_size=223), offset=st.integers(0, SIZE - 223), mode=modes)
def test_what_is_written_whole_is_read_whole(data: bytes, offset: int, mode: CommMode) -> None:
    card = card_with_file(backup=False, mode=mode)
    session = run(authenticate_ev2_first(0, ZERO, random=token_bytes), card)
    run(write_data(session, 1, offset, data, mode=mode), card)
    assert run(read_data(session, 1, offset, len(data), mode=mode), card) == data


@given(record=st.binary(max_size=190), service=st.sampled_from(Service))
def test_any_record_that_fits_is_read_as_it_was_written(record: bytes, service: Service) -> None:
    card = kent_card()
    write_key = KEYS.application[WRITE_KEY].key
    run(update(write_key, {service: record}, random=token_bytes), card)
    others = {other: RECORDS[other] for other in Service if other is not service}
    assert {s: read(card, s) for s in Service} == {**others, service: record}


@given(tears=st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=6))
def test_a_card_torn_away_any_number_of_times_is_whole_in_the_end(
    tears: list[tuple[int, bool]],
) -> None:
    card = VirtualCard(UID)
    for n, done in tears:
        card.reset()
        card.tear_after(n, done=done)
        with suppress(CardRemoved):
            run(personalise(KEYS, RECORDS, random=token_bytes), card)
    card.reset()
    card.tear_after(None)
    run(personalise(KEYS, RECORDS, random=token_bytes), card)
    assert {service: read(card, service) for service in Service} == RECORDS


statuses = st.sampled_from([b"\x91\x00", b"\x91\xaf", b"\x91\xae", b"\x90\x00", b"\x6d\x00", b""])
answers = st.lists(
    st.one_of(
        st.builds(bytes.__add__, st.binary(max_size=40), statuses),
        st.builds(bytes.__add__, st.sampled_from([b"", b"\0", bytes(8), bytes(16)]), statuses),
    ),
    max_size=12,
)


class Odd:
    """Says what it says, and then nothing more than that it leaves."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = iter(answers)

    def transmit(self, command: bytes) -> bytes:  # noqa: ARG002 - it does not listen
        for answer in self._answers:
            return answer
        raise CardRemoved


@given(said=answers)
def test_no_card_however_odd_causes_anything_but_an_error_of_ours(said: list[bytes]) -> None:
    key = KEYS.application[WRITE_KEY].key
    for procedure in (
        personalise(KEYS, RECORDS, random=token_bytes),
        update(key, RECORDS, random=token_bytes),
        read_service(key, Service.TRAVEL, random=token_bytes),
    ):
        with pytest.raises(ReadersError):
            run(procedure, Odd(said))
    with suppress(ReadersError):
        run(read_uid(), Odd(said))


@given(
    commands=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.builds(
                lambda ins, data: bytes([0x90, ins, 0, 0, len(data)]) + data + b"\0",
                st.integers(0, 255),
                st.binary(min_size=1, max_size=20),
            ),
            st.sampled_from(
                [
                    bytes.fromhex("90640000010000"),
                    bytes.fromhex("905A0000034B4E5400"),
                    bytes.fromhex("9071000002000000"),
                    bytes.fromhex("90AF000000"),
                ]
            ),
        ),
        max_size=20,
    )
)
def test_no_command_however_odd_takes_the_virtual_card_down_or_changes_a_record(
    commands: list[bytes],
) -> None:
    card = kent_card()
    before = card.dump()
    for command in commands:
        assert card.transmit(command)
    assert card.dump() == before


@given(master=st.binary(min_size=16, max_size=16), message=st.binary(min_size=16, max_size=31))
def test_diversification_is_cmac_from_sixteen_bytes_of_input(master: bytes, message: bytes) -> None:
    assert diversify(master, message) == cmac(master, AES128_CONSTANT + message)


@given(st.binary(max_size=100))
def test_padding_comes_off_as_it_went_on(data: bytes) -> None:
    assert len(pad(data)) % 16 == 0
    assert unpad(pad(data)) == data
