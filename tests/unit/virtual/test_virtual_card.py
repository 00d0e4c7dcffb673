"""The virtual card from outside: the reader it lies on, frames, and power."""

import json

import msgspec
import pytest

from readers.card.apdu import run
from readers.card.authentication import authenticate_ev2_first
from readers.card.codes import CommMode, Status
from readers.card.layout import FILES, KENT_AID, WRITE_KEY
from readers.card.procedures import (
    commit_transaction,
    get_file_ids,
    select_application,
    write_data,
)
from readers.contract.services import Service
from readers.errors import CardRemoved
from readers.virtual.card import VirtualCard
from tests.support.cards import (
    KEYS,
    RECORDS,
    UID,
    ZERO,
    Recording,
    chosen,
    kent_card,
    opened,
    read,
    refused,
    sent,
)


def test_it_answers_for_the_reader_it_lies_on() -> None:
    card = VirtualCard(UID)
    assert sent(card, "FFCA000000") == UID.hex().upper() + "9000"
    assert sent(card, "FFCA010000") == "0675778102809000"
    assert sent(card, "FF00480000") == "6A81"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00A4040007D276000085010000", "9000"),
        ("00A4040007D2760000850100", "9000"),
        ("00A4040007A000000247100100", "6A82"),
        ("00B0000000", "6D00"),
        ("", "6700"),
        ("90", "917E"),
        ("9060000001", "AF"),
        ("905A00000301020300", "91A0"),
        ("905A000004010203", "917E"),
        ("905A01000301020300", "917E"),
        ("9099000000", "911C"),
        ("90AF000000", "911C"),
        ("5A000000", "00"),
        ("99", "1C"),
    ],
)
def test_it_answers_wrapped_native_and_iso_commands(command: str, answer: str) -> None:
    assert sent(VirtualCard(UID), command).endswith(answer)


def test_its_version_comes_in_three_frames_and_names_its_uid() -> None:
    card = VirtualCard(UID)
    frames = [sent(card, command) for command in ("60", "AF", "AF")]
    assert [(frame[:2], len(frame) // 2 - 1) for frame in frames] == [
        ("AF", 7),
        ("AF", 7),
        ("00", 14),
    ]
    assert UID.hex().upper() in frames[2]


def test_another_command_within_a_chain_ends_the_chain() -> None:
    card = VirtualCard(UID)
    assert sent(card, "9060000000").endswith("91AF")
    assert sent(card, "906A000000") == "91CA"
    assert sent(card, "90AF000000") == "911C"


def test_a_frame_with_data_does_not_continue_an_answer() -> None:
    card = VirtualCard(UID)
    sent(card, "9060000000")
    assert sent(card, "90AF0000010000") == "911C"


def test_a_uid_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="7 bytes"):
        VirtualCard(bytes(4))


def test_without_power_it_is_gone_until_it_is_laid_on_again() -> None:
    card = VirtualCard(UID)
    card.tear_after(2)
    sent(card, "FFCA000000")
    assert sent(card, "905A00000300000000") == "9100"
    for _ in range(2):
        with pytest.raises(CardRemoved):
            sent(card, "905A00000300000000")
    card.reset()
    assert sent(card, "905A00000300000000") == "9100"


def test_a_tear_can_be_called_off() -> None:
    card = VirtualCard(UID)
    card.tear_after(1)
    card.tear_after(None)
    assert sent(card, "905A00000300000000") == "9100"


def test_a_tear_before_the_first_command_is_no_tear() -> None:
    with pytest.raises(ValueError, match="number 1"):
        VirtualCard(UID).tear_after(0)


def test_power_loss_forgets_session_selection_and_what_was_not_committed() -> None:
    card = kent_card()
    session = opened(card, WRITE_KEY)
    number = FILES[Service.TRAVEL].number
    run(write_data(session, number, 0, b"half", mode=CommMode.FULL), card)
    card.reset()
    assert refused(commit_transaction(session), card) is Status.LENGTH_ERROR
    assert refused(get_file_ids(None), card) is Status.PERMISSION_DENIED
    assert read(card, Service.TRAVEL) == RECORDS[Service.TRAVEL]


def test_a_card_is_the_same_after_dump_json_and_load() -> None:
    card = kent_card()
    again = VirtualCard.load(json.loads(json.dumps(card.dump())))
    assert again.uid == UID
    assert again.dump() == card.dump()
    assert read(again, Service.LEISURE) == RECORDS[Service.LEISURE]


def test_what_describes_no_card_is_not_loaded() -> None:
    with pytest.raises(msgspec.ValidationError):
        VirtualCard.load({"uid": "not a card", "applications": 3})


def test_chosen_randomness_makes_a_session_repeatable() -> None:
    def play() -> list[tuple[bytes, bytes]]:
        card = VirtualCard.load(kent_dump, rnd=chosen(bytes(16), b"\1\2\3\4"))
        channel = Recording(card)
        run(select_application(KENT_AID), channel)
        first = authenticate_ev2_first(0, KEYS.application[0].key, random=chosen(ZERO))
        run(first, channel)
        return channel.pairs

    kent_dump = kent_card().dump()
    assert play() == play()
