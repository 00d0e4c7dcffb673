"""A key store in a PKCS#11 token: what only a token does, and everything that can be wrong with it.

The store's own behaviour is in test_identity_keys.py, for both kinds of store.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pkcs11
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from pkcs11 import Attribute, ObjectClass

from identity.errors import (
    KeyStoreMissing,
    KeyTokenAway,
    KeyTokenFull,
    KeyTokenLocked,
    KeyTokenMissing,
    UnknownKey,
    WrongPassphrase,
)
from identity.keys import IN_TOKEN, FileKeyStore, KeyId, Purpose
from identity.token_keys import FILE_KEY, TokenKeyStore
from identity.tokens import Token, TokenPlace
from readers.card.keys import AES128_CONSTANT, diversification_input, diversify
from readers.card.layout import KENT_AID, MASTER_KEY
from tests.support.people import NOW
from tests.support.tokens import MODULE, PIN, SoftHsm

WRITE: Final = KeyId(Purpose.CARD_WRITE, 1)


@pytest.fixture
def label(request: pytest.FixtureRequest) -> str:
    """Of a token that only this test uses: at most 32 characters."""
    return f"{abs(hash(request.node.nodeid)):x}"[:32]


@pytest.fixture
def place(softhsm: SoftHsm, label: str) -> TokenPlace:
    return softhsm.make(label)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(place: TokenPlace, path: Path) -> TokenKeyStore:
    return TokenKeyStore.initialise(path, Token(place, PIN), now=NOW)


@pytest.fixture
def failing(softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module whose token is locked or full once `KENT_TOKEN_FAILS` says so."""
    monkeypatch.delenv("KENT_TOKEN_FAILS", raising=False)
    yield softhsm.failing()
    os.environ.pop("KENT_TOKEN_FAILS", None)


def test_no_key_in_the_token_can_be_taken_out_of_it(
    store: TokenKeyStore, place: TokenPlace
) -> None:
    session = pkcs11.lib(str(place.module)).get_token(token_label=place.label).open()
    kinds = (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY)
    keys = [key for kind in kinds for key in session.get_objects({Attribute.CLASS: kind})]
    names = {store.current(purpose).wire.decode() for purpose in IN_TOKEN}
    assert {key[Attribute.LABEL] for key in keys} == names | {FILE_KEY}
    for key in keys:
        assert key[Attribute.SENSITIVE]
        assert not key[Attribute.EXTRACTABLE]
        secret = Attribute.VALUE
        if key[Attribute.KEY_TYPE] == pkcs11.KeyType.RSA:
            secret = Attribute.PRIVATE_EXPONENT
        with pytest.raises(pkcs11.AttributeSensitive):
            key[secret]


def test_a_card_key_in_the_token_computes_macs_and_nothing_else(
    store: TokenKeyStore, place: TokenPlace
) -> None:
    session = pkcs11.lib(str(place.module)).get_token(token_label=place.label).open()
    name = store.current(WRITE.purpose).wire.decode()
    key = session.get_key(object_class=ObjectClass.SECRET_KEY, label=name)
    assert key[Attribute.SIGN]
    for use in (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.DERIVE):
        assert not key[use]


def test_a_cards_key_is_derived_inside_the_token_as_an10922_has_it(store: TokenKeyStore) -> None:
    master = bytes.fromhex("00112233445566778899aabbccddeeff")
    key = store.rotate(Purpose.CARD_MASTER, now=NOW, given=master)
    message = diversification_input(bytes.fromhex("04782e21801d80"), KENT_AID, MASTER_KEY)
    assert len(message) == 19
    assert store.cmac(key, AES128_CONSTANT + message) == diversify(master, message)


def test_the_file_beside_holds_no_key_of_the_token_and_opens_with_it_alone(
    store: TokenKeyStore, place: TokenPlace, path: Path, softhsm: SoftHsm, label: str
) -> None:
    assert store.generations(WRITE.purpose) == (WRITE,)
    with pytest.raises(WrongPassphrase):
        FileKeyStore.open(path, PIN)
    another = softhsm.open(f"b{label}"[:32])
    another.make_mac_key(FILE_KEY, bits=256)
    with pytest.raises(WrongPassphrase):
        TokenKeyStore.open(path, another)
    assert TokenKeyStore.open(path, Token(place, PIN)).generations(WRITE.purpose) == (WRITE,)


def test_sixteen_threads_compute_what_one_does(
    store: TokenKeyStore, place: TokenPlace, path: Path
) -> None:
    """Two sessions at once crash this module; see identity/tokens.py."""
    another = TokenKeyStore.open(path, Token(place, PIN))
    expected = store.cmac(WRITE, b"message")
    signing = store.current(Purpose.RECORD_SIGN)
    public = store.public_key(signing)

    def work(number: int) -> bytes:
        own = (store, another)[number % 2]
        public.verify(own.sign(signing, bytes([number])), bytes([number]))
        return own.cmac(WRITE, b"message")

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(work, range(200))) == {expected}


def test_a_token_that_went_away_is_said_to_be_away_and_works_again_when_it_is_back(
    store: TokenKeyStore, softhsm: SoftHsm
) -> None:
    expected = store.cmac(WRITE, b"message")
    with softhsm.away():
        for _ in range(2):
            with pytest.raises(KeyTokenAway, match="does not answer"):
                store.cmac(WRITE, b"message")
        with pytest.raises(KeyTokenAway):
            store.rotate(Purpose.RECORD_SIGN, now=NOW)
        assert len(store.reveal(KeyId(Purpose.DATA, 1))) == 32
    assert store.cmac(WRITE, b"message") == expected
    assert store.generations(Purpose.RECORD_SIGN) == (KeyId(Purpose.RECORD_SIGN, 1),)


def test_a_wrong_pin_is_said_to_be_wrong_also_beside_an_open_store(
    store: TokenKeyStore, place: TokenPlace
) -> None:
    expected = store.cmac(WRITE, b"message")
    with pytest.raises(WrongPassphrase, match=place.label):
        Token(place, "another PIN")
    assert store.cmac(WRITE, b"message") == expected


def test_a_token_without_a_pin_and_a_locked_one_need_their_officer(
    place: TokenPlace, failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Token(TokenPlace(failing, place.label), PIN)
    monkeypatch.setenv("KENT_TOKEN_FAILS", "locked")
    with pytest.raises(KeyTokenLocked, match="security officer"):
        Token(TokenPlace(failing, place.label), PIN)


@pytest.mark.parametrize("module", ["/there/is/no.so", "/etc/passwd"])
def test_a_module_that_cannot_be_loaded_is_named(module: str) -> None:
    with pytest.raises(KeyTokenMissing, match=module):
        Token(TokenPlace(Path(module), "kent"), PIN)


@pytest.mark.usefixtures("place")
def test_a_label_that_no_token_has_is_named() -> None:
    with pytest.raises(KeyTokenMissing, match="no token labelled kemt"):
        Token(TokenPlace(MODULE, "kemt"), PIN)


def test_two_tokens_of_one_label_are_not_guessed_between(
    softhsm: SoftHsm, place: TokenPlace
) -> None:
    softhsm.make(place.label)
    with pytest.raises(KeyTokenMissing, match="or several"):
        Token(place, PIN)


def test_a_token_of_somebody_else_holds_no_store(place: TokenPlace, path: Path) -> None:
    with pytest.raises(KeyStoreMissing, match=place.label):
        TokenKeyStore.open(path, Token(place, PIN))


def test_a_full_token_adds_nothing_and_says_so(
    store: TokenKeyStore,
    place: TokenPlace,
    path: Path,
    failing: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = TokenKeyStore.open(path, Token(TokenPlace(failing, place.label), PIN))
    monkeypatch.setenv("KENT_TOKEN_FAILS", "full")
    for purpose, given in (
        (Purpose.CARD_WRITE, None),
        (Purpose.CARD_WRITE, bytes(16)),
        (Purpose.RECORD_SIGN, None),
    ):
        with pytest.raises(KeyTokenFull, match="Nothing was added"):
            full.rotate(purpose, now=NOW, given=given)
    assert store.generations(Purpose.CARD_WRITE) == (WRITE,)
    monkeypatch.delenv("KENT_TOKEN_FAILS")
    assert full.rotate(Purpose.CARD_WRITE, now=NOW) == KeyId(Purpose.CARD_WRITE, 2)


def test_a_store_that_was_begun_in_a_full_token_is_made_the_next_time(
    place: TokenPlace, path: Path, failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Token(TokenPlace(failing, place.label), PIN)
    monkeypatch.setenv("KENT_TOKEN_FAILS", "full")
    with pytest.raises(KeyTokenFull):
        TokenKeyStore.initialise(path, token, now=NOW)
    assert not path.exists()
    monkeypatch.delenv("KENT_TOKEN_FAILS")
    assert TokenKeyStore.initialise(path, token, now=NOW).current(WRITE.purpose) == WRITE


def test_a_key_the_token_made_and_the_file_never_heard_of_is_not_in_use(
    store: TokenKeyStore, place: TokenPlace
) -> None:
    """As after a crash between the two: the next rotation replaces it."""
    token = Token(place, PIN)
    token.make_mac_key("wri.2", bits=128, given=bytes(16))
    with pytest.raises(UnknownKey, match=r"wri\.2"):
        store.cmac(KeyId(Purpose.CARD_WRITE, 2), b"message")
    made = store.rotate(Purpose.CARD_WRITE, now=NOW)
    stranger = CMAC(AES(bytes(16)))
    stranger.update(b"message")
    assert store.cmac(made, b"message") != stranger.finalize()


def test_a_key_that_somebody_destroyed_in_the_token_is_missed(
    store: TokenKeyStore, place: TokenPlace
) -> None:
    Token(place, PIN).destroy("wri.1")
    with pytest.raises(UnknownKey, match="lost a key"):
        store.cmac(WRITE, b"message")
