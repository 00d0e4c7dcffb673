"""Sessions and transactions, as the virtual card holds them."""

from secrets import token_bytes

import pytest

from readers.card.apdu import run
from readers.card.authentication import authenticate_ev2_non_first
from readers.card.codes import CommMode, Ins, Status
from readers.card.exchange import exchange
from readers.card.layout import KENT_AID
from readers.card.procedures import (
    abort_transaction,
    commit_transaction,
    create_application,
    create_backup_file,
    create_standard_file,
    get_key_version,
    read_data,
    select_application,
    write_data,
)
from readers.virtual.card import VirtualCard
from tests.support.cards import (
    ALL_FREE,
    UID,
    ZERO,
    card_with,
    kent_card,
    opens,
    refused,
    sent,
    under,
)


def test_any_error_ends_the_session() -> None:
    card = card_with()
    session = under(card, 0)
    assert refused(get_key_version(session, 9), card) is Status.NO_SUCH_KEY
    assert refused(get_key_version(session, 0), card) is Status.LENGTH_ERROR


def test_a_wrong_mac_is_refused_and_ends_the_session() -> None:
    card = card_with()
    session = under(card, 0)
    sealed = session.seal(Ins.GET_KEY_VERSION, b"\0", b"", CommMode.MACED)
    wrong = sealed[:-1] + bytes([sealed[-1] ^ 1])
    attempt = exchange(None, Ins.GET_KEY_VERSION, wrong)
    assert refused(attempt, card) is Status.INTEGRITY_ERROR
    again = exchange(None, Ins.GET_KEY_VERSION, sealed)
    assert refused(again, card) is Status.LENGTH_ERROR


def test_a_repeated_command_is_refused() -> None:
    card = card_with()
    session = under(card, 0)
    sealed = session.seal(Ins.GET_KEY_VERSION, b"\0", b"", CommMode.MACED)
    run(exchange(None, Ins.GET_KEY_VERSION, sealed), card)
    replayed = exchange(None, Ins.GET_KEY_VERSION, sealed)
    assert refused(replayed, card) is Status.INTEGRITY_ERROR


def test_enciphered_data_without_padding_is_refused() -> None:
    card = card_with()
    session = under(card, 0)
    junk = session.seal(Ins.CHANGE_KEY_SETTINGS, bytes(16), b"", CommMode.MACED)
    attempt = exchange(None, Ins.CHANGE_KEY_SETTINGS, junk)
    assert refused(attempt, card) in (Status.INTEGRITY_ERROR, Status.LENGTH_ERROR)


def test_a_wrong_key_is_refused() -> None:
    card = card_with()
    assert refused(opens(1, bytes([1]) * 16), card) is Status.AUTHENTICATION_ERROR


def test_a_key_that_is_not_there_is_refused() -> None:
    assert refused(opens(2), card_with(keys=2)) is Status.NO_SUCH_KEY


def test_a_des_key_opens_no_aes_session_nor_the_other_way_round() -> None:
    card = VirtualCard(UID)
    assert refused(opens(0), card) is Status.AUTHENTICATION_ERROR
    assert sent(kent_card(), "901A0000010000") == "91AE"


@pytest.mark.parametrize(
    "command", ["9071000000", "90710000010000", "9071000003000100", "90AA000000"]
)
def test_an_authentication_of_the_wrong_length_is_refused(command: str) -> None:
    assert sent(card_with(), command) == "917E"


def test_a_token_of_the_wrong_length_is_refused() -> None:
    card = card_with()
    assert sent(card, "9071000002000000").endswith("91AF")
    assert sent(card, "90AF0000010000") == "917E"


def test_going_on_needs_a_session_to_go_on_from() -> None:
    assert sent(card_with(), "90770000010000") == "91AE"


def test_going_on_keeps_what_was_not_committed_and_starting_anew_does_not() -> None:
    card = card_with()
    run(create_backup_file(None, 1, mode=CommMode.FULL, access=0x1111, size=16), card)
    session = under(card, 1)
    run(write_data(session, 1, 0, b"kept", mode=CommMode.FULL), card)
    non_first = authenticate_ev2_non_first(session, 1, ZERO, random=token_bytes)
    session = run(non_first, card)
    run(commit_transaction(session), card)
    assert run(read_data(session, 1, 0, 4, mode=CommMode.FULL), card) == b"kept"
    run(write_data(session, 1, 0, b"lost", mode=CommMode.FULL), card)
    anew = under(card, 1)
    assert refused(commit_transaction(anew), card) is Status.NO_CHANGES


def test_the_terminals_capabilities_are_told_back() -> None:
    card = VirtualCard(UID)
    run(create_application(None, KENT_AID, key_settings=ALL_FREE, key_count=1), card)
    run(select_application(KENT_AID), card)
    assert sent(card, "9071000008000600000000000000").endswith("91AF")


def test_what_is_aborted_never_was() -> None:
    card = card_with()
    run(create_backup_file(None, 1, mode=CommMode.MACED, access=0x1111, size=16), card)
    session = under(card, 1)
    run(write_data(session, 1, 0, b"gone", mode=CommMode.MACED), card)
    run(abort_transaction(session), card)
    assert run(read_data(session, 1, 0, 4, mode=CommMode.MACED), card) == bytes(4)
    assert refused(abort_transaction(session), card) is Status.NO_CHANGES


def test_a_backup_file_reads_as_it_was_until_the_commit() -> None:
    card = card_with()
    run(create_backup_file(None, 1, mode=CommMode.FULL, access=0x1111, size=16), card)
    session = under(card, 1)
    run(write_data(session, 1, 0, b"new", mode=CommMode.FULL), card)
    run(write_data(session, 1, 3, b"er", mode=CommMode.FULL), card)
    assert run(read_data(session, 1, 0, 5, mode=CommMode.FULL), card) == bytes(5)
    run(commit_transaction(session), card)
    assert run(read_data(session, 1, 0, 5, mode=CommMode.FULL), card) == b"newer"


def test_a_standard_file_is_written_at_once() -> None:
    card = card_with()
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=16), card)
    run(write_data(None, 1, 4, b"now", mode=CommMode.PLAIN), card)
    card.reset()
    run(select_application(KENT_AID), card)
    assert run(read_data(None, 1, 4, 3, mode=CommMode.PLAIN), card) == b"now"
