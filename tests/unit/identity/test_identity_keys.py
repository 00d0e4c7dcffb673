"""The key store: what it gives, what it refuses, and what it survives."""

import base64
import json
import stat
import threading
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
from identity.keys import FileKeyStore, KeyId, Purpose
from tests.support.people import NOW

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


def test_a_new_store_has_a_first_key_of_every_purpose(keystore: FileKeyStore) -> None:
    for purpose in Purpose:
        assert keystore.generations(purpose) == (KeyId(purpose, 1),)


def test_no_two_purposes_share_a_key(keystore: FileKeyStore) -> None:
    macs = {keystore.cmac(KeyId(purpose, 1), b"message") for purpose in CARD}
    assert len(macs) == len(CARD)
    assert len({keystore.reveal(KeyId(purpose, 1)) for purpose in LEAVE}) == len(LEAVE)


def test_a_store_opened_again_has_the_same_keys(path: Path) -> None:
    made = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    opened = FileKeyStore.open(path, PASSPHRASE)
    for purpose in CARD:
        key = opened.current(purpose)
        assert opened.cmac(key, b"message") == made.cmac(key, b"message")
    assert opened.reveal(KeyId(Purpose.DATA, 1)) == made.reveal(KeyId(Purpose.DATA, 1))


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


def test_a_store_is_never_overwritten(path: Path) -> None:
    FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    before = path.read_bytes()
    with pytest.raises(KeyStoreExists):
        FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    assert path.read_bytes() == before


def test_a_missing_store_is_said_to_be_missing(path: Path) -> None:
    with pytest.raises(KeyStoreMissing):
        FileKeyStore.open(path, PASSPHRASE)


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


def test_rotating_adds_a_generation_and_keeps_the_old_one(path: Path) -> None:
    store = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    old = store.cmac(KeyId(Purpose.CARD_WRITE, 1), b"message")
    assert store.rotate(Purpose.CARD_WRITE, now=NOW) == KeyId(Purpose.CARD_WRITE, 2)
    opened = FileKeyStore.open(path, PASSPHRASE)
    assert opened.current(Purpose.CARD_WRITE) == KeyId(Purpose.CARD_WRITE, 2)
    assert opened.cmac(KeyId(Purpose.CARD_WRITE, 1), b"message") == old
    assert opened.cmac(KeyId(Purpose.CARD_WRITE, 2), b"message") != old
    assert opened.generations(Purpose.CARD_MASTER) == (KeyId(Purpose.CARD_MASTER, 1),)


def test_two_rotations_at_once_lose_no_key(path: Path) -> None:
    FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    stores = [FileKeyStore.open(path, PASSPHRASE) for _ in range(4)]
    threads = [
        threading.Thread(target=store.rotate, args=(Purpose.DATA,), kwargs={"now": NOW})
        for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(FileKeyStore.open(path, PASSPHRASE).generations(Purpose.DATA)) == 5


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


def test_cmac_is_aes_cmac_of_the_key(keystore: FileKeyStore) -> None:
    key = KeyId(Purpose.CARD_READ_TRAVEL, 1)
    expected = CMAC(AES(keystore.reveal(key)))
    expected.update(b"\x01" + bytes(18))
    assert keystore.cmac(key, b"\x01" + bytes(18)) == expected.finalize()


@pytest.mark.parametrize("purpose", sorted(SIGNING))
def test_a_signature_is_verified_by_the_public_key_of_its_purpose_only(
    keystore: FileKeyStore, purpose: Purpose
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
def test_a_key_that_may_not_leave_is_not_revealed(keystore: FileKeyStore, purpose: Purpose) -> None:
    with pytest.raises(KeyMayNotLeave):
        keystore.reveal(KeyId(purpose, 1))


@pytest.mark.parametrize("purpose", sorted(LEAVE))
def test_a_key_that_may_leave_has_its_full_length(keystore: FileKeyStore, purpose: Purpose) -> None:
    assert len(keystore.reveal(KeyId(purpose, 1))) == (16 if purpose in CARD else 32)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - CARD))
def test_only_card_keys_compute_macs(keystore: FileKeyStore, purpose: Purpose) -> None:
    with pytest.raises(WrongKeyUse):
        keystore.cmac(KeyId(purpose, 1), b"message")


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - SIGNING - OPENID))
def test_only_signing_keys_sign(keystore: FileKeyStore, purpose: Purpose) -> None:
    with pytest.raises(WrongKeyUse):
        keystore.sign(KeyId(purpose, 1), b"message")
    with pytest.raises(WrongKeyUse):
        keystore.public_key(KeyId(purpose, 1))


@pytest.mark.parametrize("generation", [0, 2, -1])
def test_an_unknown_generation_is_named(keystore: FileKeyStore, generation: int) -> None:
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


def test_a_store_that_is_open_sees_a_key_that_another_process_added(path: Path) -> None:
    server = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    added = FileKeyStore.open(path, PASSPHRASE).rotate(Purpose.DATA, now=NOW)
    assert server.current(Purpose.DATA) == added == KeyId(Purpose.DATA, 2)
    again = FileKeyStore.open(path, PASSPHRASE).rotate(Purpose.DATA, now=NOW)
    assert len(server.reveal(again)) == 32


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
    keystore: FileKeyStore, purpose: Purpose
) -> None:
    key = keystore.current(purpose)
    jwk = keystore.public_jwk(key)
    public = PyJWK.from_dict(dict(jwk))
    assert public.Algorithm.verify(b"message", public.key, keystore.sign(key, b"message"))
    assert not public.Algorithm.verify(b"another", public.key, keystore.sign(key, b"message"))
    assert jwk["kid"] == key.wire.decode()
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}


def test_a_key_of_cards_or_records_has_no_public_jwk(keystore: FileKeyStore) -> None:
    for purpose in (Purpose.CARD_WRITE, Purpose.RECORD_SIGN, Purpose.DATA):
        with pytest.raises(WrongKeyUse):
            keystore.public_jwk(keystore.current(purpose))


def test_an_openid_key_never_leaves_and_is_no_record_key(keystore: FileKeyStore) -> None:
    key = keystore.current(Purpose.OIDC_SIGN_ES256)
    with pytest.raises(KeyMayNotLeave):
        keystore.reveal(key)
    with pytest.raises(WrongKeyUse):
        keystore.public_key(key)


def test_a_rotated_openid_key_signs_from_then_on_and_the_old_one_still_verifies(path: Path) -> None:
    store = FileKeyStore.initialise(path, PASSPHRASE, now=NOW)
    old = store.current(Purpose.OIDC_SIGN_ES256)
    signed = store.sign(old, b"message")
    new = store.rotate(Purpose.OIDC_SIGN_ES256, now=NOW)
    assert store.public_jwk(new)["x"] != store.public_jwk(old)["x"]
    public = PyJWK.from_dict(dict(FileKeyStore.open(path, PASSPHRASE).public_jwk(old)))
    assert public.Algorithm.verify(b"message", public.key, signed)
