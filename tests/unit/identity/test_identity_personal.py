"""The vault: bound to table, column and row; found by blind index; rotated without loss."""

from pathlib import Path
from uuid import UUID

import pytest

from identity.errors import PersonErased, SealBroken, UnknownKey
from identity.keys import FileKeyStore, Purpose
from identity.personal import PersonVault, Vault
from tests.support.people import NOW

ROW = UUID("00000000-0000-4000-8000-000000000001")
OTHER_ROW = UUID("00000000-0000-4000-8000-000000000002")


def test_what_is_sealed_is_opened_in_its_place(vault: Vault) -> None:
    sealed = vault.seal("account", "sealed_email", ROW, "jean@example.com")
    assert b"jean" not in sealed
    assert vault.open("account", "sealed_email", ROW, sealed) == "jean@example.com"


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("account", "sealed_email", OTHER_ROW),
        ("account", "sealed_family_name", ROW),
        ("address", "sealed_email", ROW),
    ],
)
def test_sealed_data_moved_elsewhere_does_not_open(
    vault: Vault, table: str, column: str, row: UUID
) -> None:
    sealed = vault.seal("account", "sealed_email", ROW, "jean@example.com")
    with pytest.raises(SealBroken):
        vault.open(table, column, row, sealed)


def test_every_bit_of_sealed_data_is_protected(vault: Vault) -> None:
    sealed = vault.seal("account", "sealed_email", ROW, "a")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises((SealBroken, UnknownKey)):
            vault.open("account", "sealed_email", ROW, bytes(changed))


def test_sealed_data_cut_short_does_not_open(vault: Vault) -> None:
    sealed = vault.seal("account", "sealed_email", ROW, "a")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            vault.open("account", "sealed_email", ROW, sealed[:length])


def test_equal_texts_look_different_when_sealed(vault: Vault) -> None:
    first = vault.seal("account", "sealed_email", ROW, "same")
    assert first != vault.seal("account", "sealed_email", ROW, "same")


def test_the_error_does_not_say_what_was_stored(vault: Vault) -> None:
    sealed = vault.seal("account", "sealed_email", ROW, "jean@example.com")
    with pytest.raises(SealBroken) as raised:
        vault.open("account", "sealed_email", OTHER_ROW, sealed)
    assert "jean" not in str(raised.value)
    assert "account.sealed_email" in str(raised.value)


def test_an_index_finds_equal_values_of_one_field_only(vault: Vault) -> None:
    index = vault.blind("email", "jean@example.com")
    assert len(index) == 32
    assert index == vault.blind("email", "jean@example.com")
    assert index != vault.blind("postcode", "jean@example.com")
    assert index != vault.blind("email", "jean@example.org")


def test_data_and_indexes_made_before_a_rotation_still_serve(tmp_path: Path) -> None:
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    vault = Vault(store)
    sealed = vault.seal("account", "sealed_email", ROW, "jean@example.com")
    index = vault.blind("email", "jean@example.com")
    store.rotate(Purpose.DATA, now=NOW)
    store.rotate(Purpose.INDEX, now=NOW)
    assert vault.open("account", "sealed_email", ROW, sealed) == "jean@example.com"
    assert vault.blind("email", "jean@example.com") != index
    assert vault.blinds("email", "jean@example.com") == (
        index,
        vault.blind("email", "jean@example.com"),
    )
    assert vault.seal("account", "sealed_email", ROW, "x")[:5] != sealed[:5]


def test_another_store_cannot_open_it(vault: Vault, tmp_path: Path) -> None:
    other = Vault(FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW))
    sealed = vault.seal("account", "sealed_email", ROW, "jean@example.com")
    with pytest.raises(SealBroken):
        other.open("account", "sealed_email", ROW, sealed)


KEY = bytes(range(32))


def test_a_persons_key_seals_for_one_row_and_opens_for_nobody_else(vault: Vault) -> None:
    own, other = PersonVault(vault, KEY), PersonVault(vault, KEY[::-1])
    sealed = own.seal("account", "sealed_email", ROW, "jean@example.com")
    assert own.open("account", "sealed_email", ROW, sealed) == "jean@example.com"
    assert PersonVault.is_own(sealed)
    for vault_of, column, row in (
        (other, "sealed_email", ROW),
        (own, "sealed_family_name", ROW),
        (own, "sealed_email", OTHER_ROW),
    ):
        with pytest.raises(SealBroken):
            vault_of.open("account", column, row, sealed)
    with pytest.raises(SealBroken):
        vault.open("account", "sealed_email", ROW, sealed)


def test_what_was_sealed_before_there_was_a_persons_key_opens_with_it(vault: Vault) -> None:
    sealed = vault.seal("account", "sealed_email", ROW, "jean@example.com")
    for key in (KEY, None):
        personal = PersonVault(vault, key)
        assert personal.open("account", "sealed_email", ROW, sealed) == "jean@example.com"
        assert not PersonVault.is_own(sealed)


def test_without_their_key_nothing_of_a_person_is_opened_or_sealed(vault: Vault) -> None:
    sealed = PersonVault(vault, KEY).seal("account", "sealed_email", ROW, "a")
    erased = PersonVault(vault, None)
    with pytest.raises(PersonErased):
        erased.open("account", "sealed_email", ROW, sealed)
    with pytest.raises(PersonErased):
        erased.seal("account", "sealed_email", ROW, "a")


def test_what_a_persons_key_sealed_and_was_changed_or_cut_does_not_open(vault: Vault) -> None:
    personal = PersonVault(vault, KEY)
    sealed = personal.seal("account", "sealed_email", ROW, "a")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            personal.open("account", "sealed_email", ROW, bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            personal.open("account", "sealed_email", ROW, sealed[:length])
