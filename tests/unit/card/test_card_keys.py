"""Keys of one card, made from master keys."""

import pytest

from readers.card.crypto import cmac
from readers.card.itso import check_digit
from readers.card.keys import (
    AES128_CONSTANT,
    KeyAt,
    diversification_input,
    diversify,
)
from readers.card.layout import FILES, KENT_AID, KEY_COUNT, KEY_MEANINGS, WRITE_KEY
from readers.card.personalise import CardKeys
from readers.contract.services import Service
from tests.support.cards import KEYS, UID, keys_for

MASTER = bytes(range(16))


def test_the_input_is_card_application_system_and_number() -> None:
    message = diversification_input(UID, KENT_AID, 5)
    assert message == UID + KENT_AID + b"KENTCARD" + b"\5"
    assert len(message) == 19


def test_a_key_store_that_offers_cmac_derives_the_same_key() -> None:
    message = diversification_input(UID, KENT_AID, 2)
    assert diversify(MASTER, message) == cmac(MASTER, AES128_CONSTANT + message)


def test_a_shorter_input_would_not_equal_cmac() -> None:
    message = bytes(14)
    assert diversify(MASTER, message) != cmac(MASTER, AES128_CONSTANT + message)


@pytest.mark.parametrize("uid", [bytes(4), bytes(10), b""])
def test_a_random_or_foreign_uid_makes_no_key(uid: bytes) -> None:
    with pytest.raises(ValueError, match="7 bytes"):
        diversification_input(uid, KENT_AID, 1)


def test_an_application_number_of_another_length_makes_no_key() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        diversification_input(UID, b"KN", 1)


@pytest.mark.parametrize("message", [b"", bytes(32)])
def test_an_input_outside_the_note_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 31 bytes"):
        diversify(MASTER, message)


def test_all_keys_of_a_card_differ_and_no_card_shares_one() -> None:
    one, other = keys_for(UID), keys_for(UID[:-1] + b"\0")
    keys = [key.key for card in (one, other) for key in (card.picc, *card.application.values())]
    assert len(set(keys)) == 2 * (KEY_COUNT + 1)


def test_a_key_in_a_log_shows_its_version_only() -> None:
    assert repr(KEYS.picc) == "KeyAt(version=1)"
    assert KEYS.picc.key.hex() not in repr(KEYS)


@pytest.mark.parametrize(("key", "version"), [(bytes(15), 1), (bytes(16), -1), (bytes(16), 256)])
def test_what_no_card_can_hold_is_no_key(key: bytes, version: int) -> None:
    with pytest.raises(ValueError, match="key"):
        KeyAt(key, version)


def test_a_card_needs_each_of_its_keys() -> None:
    some = {number: key for number, key in KEYS.application.items() if number != WRITE_KEY}
    with pytest.raises(ValueError, match="keys 0 to 7"):
        CardKeys(picc=KEYS.picc, application=some)


def test_a_generation_that_looks_like_the_factorys_is_refused() -> None:
    with pytest.raises(ValueError, match="version from 1"):
        keys_for(UID, generation=0)


def test_every_service_has_a_file_and_a_read_key_of_its_own() -> None:
    assert set(FILES) == set(Service)
    assert len({file.number for file in FILES.values()}) == len(FILES)
    assert len({file.read_key for file in FILES.values()} | {0, WRITE_KEY}) == len(FILES) + 2
    assert set(KEY_MEANINGS) == set(range(KEY_COUNT))


@pytest.mark.parametrize("digits", ["63359x", "", "\u0661\u0662"])
def test_an_isrn_of_anything_but_digits_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="digits only"):
        check_digit(digits)
