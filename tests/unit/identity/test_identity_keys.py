"""A key store, in a file and in a token: what it gives, what it refuses, and what it survives."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from jwt import PyJWK

from identity.errors import (
    KeyMayNotLeave,
    KeyStoreDamaged,
    KeyStoreExists,
    KeyStoreMissing,
    UnknownKey,
    WeakPassphrase,
    WrongKeyUse,
    WrongPassphrase,
)
from identity.keys import IN_TOKEN, FileKeyStore, KeyId, KeyStore, Purpose
from identity.token_keys import TokenKeyStore
from identity.tokens import Token
from tests.support.people import NOW
from tests.support.tokens import PIN, SoftHsm

PASSPHRASE = "a passphrase for tests"
LEAVE = {
    Purpose.CARD_READ_IDENTITY,
    Purpose.CARD_READ_LIBRARY,
    Purpose.CARD_READ_LEISURE,
    Purpose.CARD_READ_TRAVEL,
    Purpose.DATA,
    Purpose.INDEX,
}
SIGNING = {purpose for purpose in Purpose if purpose.value.endswith(".sign")}
OPENID = {Purpose.OIDC_SIGN_ES256, Purpose.OIDC_SIGN_RS256}
CARD = {purpose for purpose in Purpose if purpose.value.startswith("card.")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys"


class Keeping:
    """One kind of key store: made anew, and opened as another process would."""

    def __init__(self, path: Path, hsm: SoftHsm | None) -> None:
        self._path = path
        self._place = hsm.make(path.parent.parent.name) if hsm else None

    def make(self) -> KeyStore:
        if self._place is None:
            return FileKeyStore.initialise(self._path, PASSPHRASE, now=NOW)
        return TokenKeyStore.initialise(self._path, Token(self._place, PIN), now=NOW)

    def open(self) -> KeyStore:
        if self._place is None:
            return FileKeyStore.open(self._path, PASSPHRASE)
        return TokenKeyStore.open(self._path, Token(self._place, PIN))


BOTH = ["file", "token"]


@pytest.fixture(params=BOTH)
def keeping(path: Path, request: pytest.FixtureRequest) -> Keeping:
    token = request.param == "token"
    return Keeping(path, request.getfixturevalue("softhsm") if token else None)


@pytest.fixture(scope="module", params=BOTH)
def keystore(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> KeyStore:
    """A new store of either kind; no test adds a key to it."""
    path = tmp_path_factory.mktemp("either") / "var" / "keys"
    token = request.param == "token"
    return Keeping(path, request.getfixturevalue("softhsm") if token else None).make()


def test_a_new_store_has_a_first_key_of_every_purpose(keystore: KeyStore) -> None:
    for purpose in Purpose:
        assert keystore.generations(purpose) == (KeyId(purpose, 1),)


def test_no_two_purposes_share_a_key(keystore: KeyStore) -> None:
    macs = {keystore.cmac(KeyId(purpose, 1), b"message") for purpose in CARD}
    assert len(macs) == len(CARD)
    assert len({keystore.reveal(KeyId(purpose, 1)) for purpose in LEAVE}) == len(LEAVE)


def test_a_store_opened_again_has_the_same_keys(keeping: Keeping) -> None:
    made, opened = keeping.make(), keeping.open()
    for purpose in CARD:
        key = opened.current(purpose)
        assert opened.cmac(key, b"message") == made.cmac(key, b"message")
    assert opened.reveal(KeyId(Purpose.DATA, 1)) == made.reveal(KeyId(Purpose.DATA, 1))
    signed = made.sign(KeyId(Purpose.RECORD_SIGN, 1), b"message")
    opened.public_key(KeyId(Purpose.RECORD_SIGN, 1)).verify(signed, b"message")


def test_only_its_owner_can_read_the_file(path: Path) -> None:
    FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_key_is_in_the_file_in_the_clear(path: Path) -> None:
    store = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    content = path.read_bytes()
    for purpose in LEAVE:
        key = store.reveal(store.current(purpose))
        assert key not in content
        assert base64.b64encode(key) not in content


def test_a_wrong_passphrase_is_said_to_be_wrong(path: Path) -> None:
    FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    with pytest.raises(WrongPassphrase):
        FileKeyStore.open(path, "a passphrase for guess")


def test_a_short_passphrase_makes_no_store(path: Path) -> None:
    with pytest.raises(WeakPassphrase):
        FileKeyStore.initialise(path, "elevenchars", now=NOW)
    assert not path.exists()


def test_a_store_is_never_overwritten(path: Path, keeping: Keeping) -> None:
    made = keeping.make()
    before, mac = path.read_bytes(), made.cmac(KeyId(Purpose.CARD_WRITE, 1), b"message")
    with pytest.raises(KeyStoreExists):
        keeping.make()
    assert path.read_bytes() == before
    assert keeping.open().cmac(KeyId(Purpose.CARD_WRITE, 1), b"message") == mac


def test_a_missing_store_is_said_to_be_missing(keeping: Keeping) -> None:
    with pytest.raises(KeyStoreMissing):
        keeping.open()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe", b"[]", b'{"format":"other"}', b'{"format":1}']
)
def test_a_file_that_is_no_key_store_is_said_to_be_damaged(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(KeyStoreDamaged):
        FileKeyStore.open(path, PASSPHRASE)


@pytest.mark.parametrize("part", ["nonce", "sealed"])
def test_a_changed_file_is_damaged_not_a_wrong_passphrase(path: Path, part: str) -> None:
    FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    envelope = json.loads(path.read_bytes())
    raw = bytearray(base64.b64decode(envelope[part]))
    raw[0] ^= 1
    envelope[part] = base64.b64encode(raw).decode()
    path.write_text(json.dumps(envelope))
    with pytest.raises(KeyStoreDamaged):
        FileKeyStore.open(path, PASSPHRASE)


def test_a_file_cut_short_is_damaged(path: Path) -> None:
    FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(KeyStoreDamaged):
        FileKeyStore.open(path, PASSPHRASE)


def test_rotating_adds_a_generation_and_keeps_the_old_one(keeping: Keeping) -> None:
    store = keeping.make()
    old = store.cmac(KeyId(Purpose.CARD_WRITE, 1), b"message")
    assert store.rotate(Purpose.CARD_WRITE, now=NOW) == KeyId(Purpose.CARD_WRITE, 2)
    opened = keeping.open()
    assert opened.current(Purpose.CARD_WRITE) == KeyId(Purpose.CARD_WRITE, 2)
    assert opened.cmac(KeyId(Purpose.CARD_WRITE, 1), b"message") == old
    assert opened.cmac(KeyId(Purpose.CARD_WRITE, 2), b"message") != old
    assert opened.generations(Purpose.CARD_MASTER) == (KeyId(Purpose.CARD_MASTER, 1),)


@pytest.mark.parametrize("purpose", [Purpose.DATA, Purpose.CARD_WRITE])
def test_four_rotations_at_once_lose_no_key(keeping: Keeping, purpose: Purpose) -> None:
    keeping.make()
    stores = [keeping.open() for _ in range(4)]
    with ThreadPoolExecutor() as threads:
        made = list(threads.map(lambda store: store.rotate(purpose, now=NOW), stores))
    assert sorted(made) == [KeyId(purpose, number) for number in range(2, 6)]
    assert len(keeping.open().generations(purpose)) == 5


def test_of_four_who_make_a_store_at_once_one_does_and_no_key_is_overwritten(path: Path) -> None:
    def make() -> bytes | None:
        try:
            made = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
        except KeyStoreExists:
            return None
        return made.reveal(KeyId(Purpose.DATA, 1))

    with ThreadPoolExecutor() as threads:
        made = [key for key in threads.map(lambda _: make(), range(4)) if key]
    assert made == [FileKeyStore.open(path, PASSPHRASE).reveal(KeyId(Purpose.DATA, 1))]


def test_a_failed_write_leaves_the_old_store_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.rotate(Purpose.DATA, now=NOW)
    assert len(FileKeyStore.open(path, PASSPHRASE).generations(Purpose.DATA)) == 1
    assert not list(path.parent.glob("*.new"))


def test_cmac_is_aes_cmac_of_the_key(keystore: KeyStore) -> None:
    key = KeyId(Purpose.CARD_READ_TRAVEL, 1)
    expected = CMAC(AES(keystore.reveal(key)))
    expected.update(b"\x01" + bytes(18))
    assert keystore.cmac(key, b"\x01" + bytes(18)) == expected.finalize()


@pytest.mark.parametrize("purpose", sorted(SIGNING))
def test_a_signature_is_verified_by_the_public_key_of_its_purpose_only(
    keystore: KeyStore, purpose: Purpose
) -> None:
    signature = keystore.sign(KeyId(purpose, 1), b"message")
    for other in SIGNING:
        public = keystore.public_key(KeyId(other, 1))
        if other is purpose:
            public.verify(signature, b"message")
        else:
            with pytest.raises(InvalidSignature):
                public.verify(signature, b"message")


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - LEAVE))
def test_a_key_that_may_not_leave_is_not_revealed(keystore: KeyStore, purpose: Purpose) -> None:
    with pytest.raises(KeyMayNotLeave):
        keystore.reveal(KeyId(purpose, 1))


@pytest.mark.parametrize("purpose", sorted(LEAVE))
def test_a_key_that_may_leave_has_its_full_length(keystore: KeyStore, purpose: Purpose) -> None:
    assert len(keystore.reveal(KeyId(purpose, 1))) == (16 if purpose in CARD else 32)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - CARD))
def test_only_card_keys_compute_macs(keystore: KeyStore, purpose: Purpose) -> None:
    with pytest.raises(WrongKeyUse):
        keystore.cmac(KeyId(purpose, 1), b"message")


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - SIGNING - OPENID))
def test_only_signing_keys_sign(keystore: KeyStore, purpose: Purpose) -> None:
    with pytest.raises(WrongKeyUse):
        keystore.sign(KeyId(purpose, 1), b"message")
    with pytest.raises(WrongKeyUse):
        keystore.public_key(KeyId(purpose, 1))


@pytest.mark.parametrize("generation", [0, 2, -1])
def test_an_unknown_generation_is_named(keystore: KeyStore, generation: int) -> None:
    with pytest.raises(UnknownKey, match=rf"rec\.{generation}"):
        keystore.sign(KeyId(Purpose.RECORD_SIGN, generation), b"message")


def test_key_ids_on_the_wire_are_short_and_read_back() -> None:
    assert KeyId(Purpose.RECORD_SIGN, 1).wire == b"rec.1"
    wires = {KeyId(purpose, 12).wire for purpose in Purpose}
    assert len(wires) == len(Purpose)
    for wire in wires:
        assert KeyId.from_wire(wire).wire == wire


@pytest.mark.parametrize(
    "wire",
    [
        *(b"", b"rec", b"rec.", b"rec.0", b"rec.01", b"rec.-1", b"rec.1 ", b"rec.1.1", b"REC.1"),
        *(b"xyz.1", b".1", b"\xff.1", "rec.\u00b2".encode(), b"rec.123456"),
    ],
)
def test_a_key_id_that_is_not_ours_is_refused(wire: bytes) -> None:
    with pytest.raises(UnknownKey):
        KeyId.from_wire(wire)


@pytest.mark.parametrize("purpose", [Purpose.DATA, Purpose.CARD_READ_LIBRARY])
def test_a_store_that_is_open_sees_a_key_that_another_process_added(
    keeping: Keeping, purpose: Purpose
) -> None:
    server = keeping.make()
    added = keeping.open().rotate(purpose, now=NOW)
    assert server.current(purpose) == added == KeyId(purpose, 2)
    again = keeping.open().rotate(purpose, now=NOW)
    assert len(server.reveal(again)) == (32 if purpose is Purpose.DATA else 16)


def test_a_token_that_is_open_computes_with_a_key_that_another_process_added(
    keeping: Keeping,
) -> None:
    server = keeping.make()
    added = keeping.open().rotate(Purpose.CARD_WRITE, now=NOW)
    assert len(server.cmac(added, b"message")) == 16


def test_a_card_key_that_custodians_bring_is_the_one_that_computes(keeping: Keeping) -> None:
    store, key = keeping.make(), bytes(range(16))
    for purpose in (Purpose.CARD_MASTER, Purpose.CARD_READ_TRAVEL):
        brought = store.rotate(purpose, now=NOW, given=key)
        expected = CMAC(AES(key))
        expected.update(b"message")
        assert keeping.open().cmac(brought, b"message") == expected.finalize()


@pytest.mark.parametrize(
    ("purpose", "given"),
    [
        *((purpose, bytes(16)) for purpose in sorted(set(Purpose) - CARD)),
        *((Purpose.CARD_WRITE, bytes(size)) for size in (0, 15, 17, 32)),
    ],
)
def test_nothing_else_can_be_brought_to_a_store(
    keystore: KeyStore, purpose: Purpose, given: bytes
) -> None:
    with pytest.raises(WrongKeyUse):
        keystore.rotate(purpose, now=NOW, given=given)
    assert keystore.generations(purpose) == (KeyId(purpose, 1),)


def test_what_is_in_a_token_is_whatever_may_not_leave() -> None:
    assert set(Purpose) - LEAVE == IN_TOKEN


def test_an_open_store_goes_on_while_its_file_is_away_and_says_when_it_is_damaged(
    path: Path,
) -> None:
    server = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    content = path.read_bytes()
    path.unlink()
    assert server.current(Purpose.DATA) == KeyId(Purpose.DATA, 1)
    path.write_bytes(content[:-20])
    with pytest.raises(KeyStoreDamaged):
        server.current(Purpose.DATA)
    path.write_bytes(content)
    assert server.current(Purpose.DATA) == KeyId(Purpose.DATA, 1)


@pytest.mark.parametrize("purpose", sorted(OPENID))
def test_what_openid_keys_sign_verifies_with_the_public_jwk(
    keystore: KeyStore, purpose: Purpose
) -> None:
    key = keystore.current(purpose)
    jwk = keystore.public_jwk(key)
    public = PyJWK.from_dict(dict(jwk))
    assert public.Algorithm.verify(b"message", public.key, keystore.sign(key, b"message"))
    assert not public.Algorithm.verify(b"another", public.key, keystore.sign(key, b"message"))
    assert jwk["kid"] == key.wire.decode()
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}


def test_a_key_of_cards_or_records_has_no_public_jwk(keystore: KeyStore) -> None:
    for purpose in (Purpose.CARD_WRITE, Purpose.RECORD_SIGN, Purpose.DATA):
        with pytest.raises(WrongKeyUse):
            keystore.public_jwk(keystore.current(purpose))


def test_an_openid_key_never_leaves_and_is_no_record_key(keystore: KeyStore) -> None:
    key = keystore.current(Purpose.OIDC_SIGN_ES256)
    with pytest.raises(KeyMayNotLeave):
        keystore.reveal(key)
    with pytest.raises(WrongKeyUse):
        keystore.public_key(key)


def test_a_rotated_openid_key_signs_from_then_on_and_the_old_one_still_verifies(
    keeping: Keeping,
) -> None:
    store = keeping.make()
    old = store.current(Purpose.OIDC_SIGN_ES256)
    signed = store.sign(old, b"message")
    new = store.rotate(Purpose.OIDC_SIGN_ES256, now=NOW)
    assert store.public_jwk(new)["x"] != store.public_jwk(old)["x"]
    public = PyJWK.from_dict(dict(keeping.open().public_jwk(old)))
    assert public.Algorithm.verify(b"message", public.key, signed)
