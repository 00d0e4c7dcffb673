"""Who may do what to applications and keys of the virtual card."""

from secrets import token_bytes

import pytest

from readers.card.apdu import run
from readers.card.authentication import authenticate_factory_des
from readers.card.codes import Ins, Status
from readers.card.crypto import crc32, encrypt_des
from readers.card.exchange import exchange
from readers.card.keys import KeyAt
from readers.card.layout import KENT_AID, MASTER_KEY, PICC_AID
from readers.card.procedures import (
    change_key,
    change_key_settings,
    change_own_key,
    create_application,
    get_application_ids,
    get_file_ids,
    get_file_settings,
    get_key_settings,
    get_key_version,
    select_application,
    set_configuration,
)
from readers.contract.services import Service
from readers.virtual.card import VirtualCard
from tests.support.cards import (
    ALL_FREE,
    KEYS,
    MASTER_ONLY,
    RECORDS,
    UID,
    ZERO,
    card_with,
    kent_card,
    opened,
    read,
    refused,
    sent,
    under,
)


def test_without_free_listing_only_the_master_key_lists() -> None:
    card = kent_card()
    run(select_application(KENT_AID), card)
    assert refused(get_file_ids(None), card) is Status.AUTHENTICATION_ERROR
    assert refused(get_file_settings(None, 1), card) is Status.AUTHENTICATION_ERROR
    assert refused(get_key_settings(None), card) is Status.AUTHENTICATION_ERROR
    session = opened(card, MASTER_KEY)
    assert run(get_file_ids(session), card) == b"\1\2\3\4"
    run(select_application(PICC_AID), card)
    assert refused(get_application_ids(None), card) is Status.AUTHENTICATION_ERROR


def test_only_the_cards_own_key_makes_applications_on_a_kent_card() -> None:
    card = kent_card()
    creates = create_application(None, b"BAD", key_settings=ALL_FREE, key_count=1)
    assert refused(creates, card) is Status.AUTHENTICATION_ERROR


@pytest.mark.parametrize(
    ("aid", "keys", "status"),
    [
        (KENT_AID, 1, Status.DUPLICATE),
        (PICC_AID, 1, Status.DUPLICATE),
        (b"NEW", 0, Status.PARAMETER_ERROR),
        (b"NEW", 15, Status.PARAMETER_ERROR),
    ],
)
def test_an_application_that_cannot_be_is_not_made(aid: bytes, keys: int, status: Status) -> None:
    card = card_with()
    run(select_application(PICC_AID), card)
    creates = create_application(None, aid, key_settings=ALL_FREE, key_count=keys)
    assert refused(creates, card) is status


def test_an_application_of_des_keys_is_not_made() -> None:
    assert sent(VirtualCard(UID), "90CA0000050102030F0100") == "919E"


def test_a_kent_card_cannot_be_formatted() -> None:
    card = kent_card()
    session = under(card, 0, KEYS.picc.key)
    formats = exchange(session, Ins.FORMAT_PICC)
    assert refused(formats, card) is Status.PERMISSION_DENIED
    assert read(card, Service.IDENTITY) == RECORDS[Service.IDENTITY]


def test_the_card_takes_no_configuration_it_does_not_know() -> None:
    card = kent_card()
    session = under(card, 0, KEYS.picc.key)
    random_uid = set_configuration(session, 0, b"\2")
    assert refused(random_uid, card) is Status.PARAMETER_ERROR


def test_a_deleted_application_is_gone() -> None:
    card = kent_card()
    session = under(card, 0, KEYS.picc.key)
    run(exchange(session, Ins.DELETE_APPLICATION, KENT_AID), card)
    assert run(get_application_ids(session), card) == []
    again = exchange(session, Ins.DELETE_APPLICATION, PICC_AID)
    assert refused(again, card) is Status.PERMISSION_DENIED


def test_commands_of_another_level_are_denied() -> None:
    card = card_with()
    assert refused(get_application_ids(None), card) is Status.PERMISSION_DENIED
    run(select_application(PICC_AID), card)
    assert refused(get_file_ids(None), card) is Status.PERMISSION_DENIED


NEW_KEY = KeyAt(bytes(range(16)), 3)
NOT_ALLOWED = (Status.AUTHENTICATION_ERROR, Status.PERMISSION_DENIED)


@pytest.mark.parametrize(
    ("changer", "session_key", "target", "allowed"),
    [
        (0x0, 0, 2, True),
        (0x0, 1, 2, False),
        (0x1, 1, 2, True),
        (0x1, 0, 2, False),
        (0x1, 0, 1, True),
        (0x1, 2, 1, False),
        (0xE, 2, 2, True),
        (0xE, 0, 2, False),
        (0xE, 0, 0, True),
        (0xF, 0, 2, False),
        (0xF, 0, 0, True),
    ],
)
def test_a_key_is_changed_by_whom_the_settings_name(
    changer: int, session_key: int, target: int, *, allowed: bool
) -> None:
    card = card_with(settings=changer << 4 | ALL_FREE)
    session = under(card, session_key)
    if session_key == target:
        change = change_own_key(session, NEW_KEY, key_no=target)
    else:
        change = change_key(session, target, NEW_KEY, old=ZERO)
    if allowed:
        run(change, card)
    else:
        assert refused(change, card) in NOT_ALLOWED
    under(card, target, NEW_KEY.key if allowed else ZERO)
    run(select_application(KENT_AID), card)
    assert run(get_key_version(None, target), card) == (NEW_KEY.version if allowed else 0)


def test_a_frozen_master_key_stays() -> None:
    card = card_with(settings=ALL_FREE & ~1)
    session = under(card, 0)
    change = change_own_key(session, NEW_KEY, key_no=0)
    assert refused(change, card) is Status.PERMISSION_DENIED


def test_a_key_changed_on_a_wrong_idea_of_the_old_one_stays() -> None:
    card = card_with()
    session = under(card, 0)
    change = change_key(session, 1, NEW_KEY, old=bytes([9]) * 16)
    assert refused(change, card) is Status.INTEGRITY_ERROR
    under(card, 1)


def test_nobody_changes_a_key_without_a_session() -> None:
    card = card_with()
    change = exchange(None, Ins.CHANGE_KEY, b"\1" + bytes(21))
    assert refused(change, card) is Status.AUTHENTICATION_ERROR


def test_frozen_settings_stay() -> None:
    card = card_with(settings=MASTER_ONLY & ~8)
    session = under(card, 0)
    change = change_key_settings(session, ALL_FREE)
    assert refused(change, card) is Status.PERMISSION_DENIED


def test_settings_are_changed_by_the_master_key_alone() -> None:
    card = card_with()
    session = under(card, 1)
    change = change_key_settings(session, ALL_FREE)
    assert refused(change, card) is Status.AUTHENTICATION_ERROR
    session = under(card, 0)
    run(change_key_settings(session, MASTER_ONLY), card)
    assert run(get_key_settings(session), card).rights == MASTER_ONLY


def test_a_card_uid_is_told_to_nobody_without_a_session() -> None:
    assert sent(card_with(), "9051000000") == "91AE"


def des_key_change(key: bytes) -> Status:
    """What a factory card says to another DES key of 16 bytes."""
    card = VirtualCard(UID)
    session_key = run(authenticate_factory_des(random=token_bytes), card)
    plain = key + crc32(bytes([Ins.CHANGE_KEY, 0]) + key)
    sealed = b"\0" + encrypt_des(session_key, plain + bytes(-len(plain) % 8))
    return Status(card.transmit(bytes([Ins.CHANGE_KEY]) + sealed)[0])


def test_a_factory_key_becomes_another_single_des_key_but_no_double_one() -> None:
    assert des_key_change(bytes([2]) * 16) is Status.OK
    assert des_key_change(bytes(8) + bytes([2]) * 8) is Status.PARAMETER_ERROR


def test_disabled_formatting_is_not_enabled_again() -> None:
    card = kent_card()
    session = under(card, 0, KEYS.picc.key)
    run(set_configuration(session, 0, b"\0"), card)
    assert refused(exchange(session, Ins.FORMAT_PICC), card) is Status.PERMISSION_DENIED
