"""A chip's keys come out of the key store as AN10922 has them, and of no other generation."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardservice.card_keys import FIRST, READ_PURPOSES, application_key, card_keys
from identity.errors import UnknownKey
from identity.keys import FileKeyStore, Purpose
from readers.card.keys import diversification_input, diversify
from readers.card.layout import FILES, KENT_AID, KEY_COUNT
from readers.contract.services import Service

UID = bytes.fromhex("04112233445566")


@pytest.mark.parametrize("service", list(Service))
def test_the_servers_read_keys_are_those_a_terminal_derives(
    keystore: FileKeyStore, service: Service
) -> None:
    number = FILES[service].read_key
    master = keystore.reveal(keystore.current(READ_PURPOSES[service]))
    derived = diversify(master, diversification_input(UID, KENT_AID, number))
    assert application_key(keystore, UID, number, FIRST).key == derived


def test_no_two_keys_of_a_card_are_alike(keystore: FileKeyStore) -> None:
    keys = card_keys(keystore, UID, FIRST)
    all_of_them = {keys.picc.key, *(each.key for each in keys.application.values())}
    assert len(all_of_them) == KEY_COUNT + 1


def test_a_rotated_master_makes_other_keys_and_old_cards_keep_theirs(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=now)
    old = card_keys(store, UID, FIRST)
    store.rotate(Purpose.CARD_WRITE, now=now)
    assert card_keys(store, UID, FIRST) == old
    new = card_keys(store, UID, {**FIRST, "2": 2}).application[2]
    assert (new.version, old.application[2].version) == (2, 1)
    assert new.key != old.application[2].key


def test_a_generation_the_store_has_not_is_said(keystore: FileKeyStore) -> None:
    with pytest.raises(UnknownKey):
        card_keys(keystore, UID, {**FIRST, "2": 9})


def test_keys_never_show_in_what_is_printed(keystore: FileKeyStore) -> None:
    keys = card_keys(keystore, UID, FIRST)
    assert keys.picc.key.hex() not in repr(keys)
    assert repr(keys.picc.key) not in repr(keys)
