"""The one read of a tap, and everything a card may answer instead."""

from secrets import token_bytes

import pytest

from readers.card.apdu import run
from readers.card.authentication import authenticate_factory_des
from readers.card.codes import CommMode, Status
from readers.card.crypto import SessionKeys, unpad
from readers.card.keys import KeyAt
from readers.card.layout import FILES, IDENTITY_KEY, LIBRARY_KEY, MASTER_KEY, WRITE_KEY
from readers.card.personalise import read_service, update
from readers.card.procedures import (
    commit_transaction,
    get_application_ids,
    get_card_uid,
    get_file_settings,
    get_key_settings,
    get_key_version,
    read_data,
    read_uid,
    write_data,
)
from readers.card.secure import SecureSession
from readers.contract.services import Service
from readers.errors import (
    CardMute,
    CardNotGenuine,
    CardRefused,
    ChainTooLong,
    ForeignCard,
    MalformedRecord,
    ReadersError,
)
from readers.virtual.card import VirtualCard
from readers.virtual.messaging import CountedSession
from tests.support.cards import (
    RECORDS,
    UID,
    Answering,
    Recording,
    Tampering,
    kent_card,
    keys_for,
    opened,
    read,
)


def test_the_uid_is_told_by_the_reader() -> None:
    assert run(read_uid(), VirtualCard(UID)) == UID


@pytest.mark.parametrize("answer", ["6A81", "0102039000", "9000", "9100"])
def test_a_reader_that_tells_no_uid_holds_no_contactless_card(answer: str) -> None:
    with pytest.raises(ForeignCard):
        run(read_uid(), Answering(answer))


@pytest.mark.parametrize("service", Service)
def test_a_record_is_read_in_four_commands(service: Service) -> None:
    channel = Recording(kent_card())
    assert read(channel, service) == RECORDS[service]
    assert [command[1] for command, _ in channel.pairs] == [0x5A, 0x71, 0xAF, 0xAD]
    assert max(len(answer) for _, answer in channel.pairs) <= 256


def test_no_part_of_a_record_is_seen_in_the_field() -> None:
    channel = Recording(kent_card())
    record = read(channel, Service.TRAVEL)
    seen = b"".join(command + answer for command, answer in channel.pairs)
    assert record[:16] not in seen


def test_a_service_the_holder_does_not_have_is_an_empty_file() -> None:
    card = kent_card({Service.IDENTITY: b"me"})
    assert read(card, Service.IDENTITY) == b"me"
    assert read(card, Service.TRAVEL) == b""


def test_the_key_of_another_service_does_not_read_the_file() -> None:
    card = kent_card()
    session = opened(card, LIBRARY_KEY)
    travel = FILES[Service.TRAVEL].number
    with pytest.raises(CardRefused) as refused:
        run(read_data(session, travel, 0, 10, mode=CommMode.FULL), card)
    assert refused.value.status == Status.AUTHENTICATION_ERROR


def test_a_read_key_writes_nothing() -> None:
    card = kent_card()
    session = opened(card, LIBRARY_KEY)
    number = FILES[Service.LIBRARY].number
    with pytest.raises(CardRefused) as refused:
        run(write_data(session, number, 0, b"mine", mode=CommMode.FULL), card)
    assert refused.value.status == Status.AUTHENTICATION_ERROR


def test_the_write_key_reads_nothing() -> None:
    card = kent_card()
    session = opened(card, WRITE_KEY)
    with pytest.raises(CardRefused):
        run(read_data(session, FILES[Service.LIBRARY].number, 0, 0, mode=CommMode.FULL), card)


def test_the_cards_own_uid_is_read_under_a_session() -> None:
    card = kent_card()
    session = opened(card, IDENTITY_KEY)
    assert run(get_card_uid(session), card) == UID


# -- what is no Kent Card -------------------------------------------------------------------------


def test_a_card_with_another_issuers_keys_refuses_ours() -> None:
    card = kent_card()
    foreign = keys_for(UID, issuer=b"essex").application[LIBRARY_KEY].key
    with pytest.raises(CardRefused) as refused:
        run(read_service(foreign, Service.LIBRARY, random=token_bytes), card)
    assert refused.value.status == Status.AUTHENTICATION_ERROR


def test_a_blank_card_has_no_kent_application() -> None:
    with pytest.raises(ForeignCard):
        read(VirtualCard(UID), Service.LIBRARY)


@pytest.mark.parametrize("answer", ["6D00", "6E00", "6A82", "9000", "00", "91A0"])
def test_a_foreign_card_is_called_foreign_or_mute(answer: str) -> None:
    with pytest.raises((ForeignCard, CardMute)):
        read(Answering(answer), Service.LIBRARY)


def test_a_card_that_says_nothing_is_mute() -> None:
    with pytest.raises(CardMute):
        read(Answering("9100", ""), Service.LIBRARY)


@pytest.mark.parametrize("challenge", ["91AF", "0102030491AF", "00" * 17 + "91AF"])
def test_a_challenge_of_another_length_is_foreign(challenge: str) -> None:
    with pytest.raises(ForeignCard):
        read(Answering("9100", challenge), Service.LIBRARY)


def test_a_card_that_opens_without_a_challenge_is_foreign() -> None:
    with pytest.raises(ForeignCard):
        read(Answering("9100", "9100"), Service.LIBRARY)


@pytest.mark.parametrize("proof", ["", "00" * 16, "00" * 32, "00" * 48])
def test_a_card_without_the_key_is_not_genuine(proof: str) -> None:
    with pytest.raises(CardNotGenuine):
        read(Answering("9100", "00" * 16 + "91AF", proof + "9100"), Service.LIBRARY)


# -- tampering ------------------------------------------------------------------------------------


def test_every_byte_of_the_answer_is_covered_by_its_mac() -> None:
    answer = Recording(kent_card())
    read(answer, Service.LIBRARY)
    for byte in range(len(answer.pairs[3][1]) - 2):
        with pytest.raises(CardNotGenuine):
            read(Tampering(kent_card(), at=4, byte=byte, bit=byte % 8), Service.LIBRARY)


@pytest.mark.parametrize("byte", range(32))
def test_every_byte_of_the_proof_is_checked(byte: int) -> None:
    with pytest.raises(CardNotGenuine):
        read(Tampering(kent_card(), at=3, byte=byte), Service.LIBRARY)


def test_an_answer_of_an_earlier_session_is_not_genuine() -> None:
    recorded = Recording(kent_card())
    read(recorded, Service.LIBRARY)
    replayed = recorded.pairs[3][1].hex()
    card = kent_card()
    with pytest.raises(CardNotGenuine):
        read(Answering(replayed, first=card, honest=3), Service.LIBRARY)


def test_a_stripped_answer_is_not_genuine() -> None:
    for stripped in ("9100", "00" * 8 + "9100", "00" * 7 + "9100"):
        card = Answering(stripped, first=kent_card(), honest=3)
        with pytest.raises(CardNotGenuine):
            read(card, Service.LIBRARY)


# -- chains ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["AA" * 48 + "91AF", "AA91AF", "91AF"])
def test_a_chain_without_end_is_given_up(frame: str) -> None:
    card = Answering(frame)
    with pytest.raises(ChainTooLong):
        run(read_data(None, 1, 0, 0, mode=CommMode.PLAIN, native=True), card)
    assert card.asked <= 96


def test_a_tap_asks_for_no_second_frame() -> None:
    card = Answering("AA" * 48 + "91AF", first=kent_card(), honest=3)
    with pytest.raises(ChainTooLong):
        read(card, Service.LIBRARY)
    assert card.asked == 4


def test_a_list_of_applications_without_end_is_given_up() -> None:
    card = Answering("4B4E5491AF")
    with pytest.raises(ChainTooLong):
        run(get_application_ids(None), card)


def test_a_card_that_ends_a_chained_write_too_early_is_foreign() -> None:
    with pytest.raises(ForeignCard):
        run(write_data(None, 1, 0, bytes(200), mode=CommMode.PLAIN, native=True), Answering("9100"))


def test_a_card_that_refuses_within_a_chained_write_refuses_the_write() -> None:
    card = Answering("91AF", "91BE")
    with pytest.raises(CardRefused) as refused:
        run(write_data(None, 1, 0, bytes(200), mode=CommMode.PLAIN, native=True), card)
    assert (refused.value.status, card.asked) == (Status.BOUNDARY_ERROR, 2)


def test_a_write_that_fits_no_command_is_refused_before_it_is_sent() -> None:
    card = Answering("9100")
    with pytest.raises(ValueError, match="do not fit"):
        run(write_data(None, 1, 0, bytes(250), mode=CommMode.PLAIN), card)
    assert card.asked == 0


# -- answers of the wrong shape -------------------------------------------------------------------


def test_a_version_of_two_bytes_is_foreign() -> None:
    with pytest.raises(ForeignCard):
        run(get_key_version(None, 0), Answering("01029100"))


def test_settings_of_one_byte_are_foreign() -> None:
    with pytest.raises(ForeignCard):
        run(get_key_settings(None), Answering("019100"))


def test_a_damaged_frame_is_said_to_be_malformed() -> None:
    card = kent_card()
    session = opened(card, WRITE_KEY)
    number = FILES[Service.LIBRARY].number
    run(write_data(session, number, 0, b"\xff\xff", mode=CommMode.FULL), card)
    run(commit_transaction(session), card)
    with pytest.raises(MalformedRecord):
        read(card, Service.LIBRARY)


def test_the_file_is_as_the_format_says() -> None:
    card = kent_card()
    session = opened(card, MASTER_KEY)
    settings = run(get_file_settings(session, FILES[Service.TRAVEL].number), card)
    assert settings.hex() == "0103f052c00000"
    assert run(get_key_settings(session), card) == (0x09, 0x88)


def test_an_update_of_nothing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no record to write"):
        run(update(bytes(16), {}, random=token_bytes), Answering("9100"))


def test_a_record_that_does_not_fit_is_refused_before_anything_is_sent() -> None:
    card = Answering("9100")
    with pytest.raises(MalformedRecord):
        run(update(bytes(16), {Service.TRAVEL: bytes(191)}, random=token_bytes), card)
    assert card.asked == 0


def test_a_key_of_the_wrong_length_never_reaches_a_card() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        KeyAt(bytes(8), 1)


# -- what only a card with the right keys could say -----------------------------------------------

SESSION_KEYS = SessionKeys(enc=bytes([1]) * 16, mac=bytes([2]) * 16)


@pytest.mark.parametrize("length", [15, 16, 32], ids=["no-block", "no-padding", "two-blocks"])
def test_an_authentic_answer_that_is_not_enciphered_as_agreed_is_refused(length: int) -> None:
    answer = CountedSession(0, SESSION_KEYS, b"\1\2\3\4", 1).answer(bytes(length), CommMode.MACED)
    session = SecureSession(0, SESSION_KEYS, b"\1\2\3\4")
    with pytest.raises(CardNotGenuine):
        session.open(answer, CommMode.FULL)


@pytest.mark.parametrize(
    "data", [b"", bytes(16), b"\x80" + bytes(16), b"\x80" + bytes(31), b"\1" * 16]
)
def test_padding_that_is_missing_or_longer_than_a_block_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="padding"):
        unpad(data)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (("00" * 16 + "91AF",), ForeignCard),
        (("00" * 8 + "91AF", "00" * 16 + "9100"), CardNotGenuine),
        (("00" * 8 + "91AF", "00" * 8 + "9100"), CardNotGenuine),
    ],
)
def test_a_factory_key_is_proved_as_well(
    answers: tuple[str, ...], error: type[ReadersError]
) -> None:
    with pytest.raises(error):
        run(authenticate_factory_des(random=token_bytes), Answering(*answers))
