"""An independent JOSE library opens what goes to a bureau, and nobody else does."""

import base64
import json
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from cardservice import bureau_files
from cardservice.bureau_files import ALGORITHM, BATCH_TYPE, RESULTS_TYPE, NotOpened
from cardservice.errors import BadBureauKeys

LINES: Final = '{"batch":"one","rows":1}\n{"row":1,"name":"Zoë Ó Briain"}\n'.encode()
OURS: Final = Ed25519PrivateKey.generate()
SEALING: Final = OKPKey.generate_key("X25519")
SIGNING: Final = OKPKey.generate_key("Ed25519")
MOST: Final = 64 * 1024


def public(key: OKPKey) -> dict[str, Any]:
    return key.as_dict(private=False)


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def sealed(lines: bytes = LINES) -> bytes:
    signed = bureau_files.sign(BATCH_TYPE, lines, key_id="bur.1", signature=OURS.sign)
    keys = bureau_files.read_keys(key_set(public(SEALING), public(SIGNING)))
    return bureau_files.seal(signed, keys.sealing)


def results(typ: str = RESULTS_TYPE, alg: str = ALGORITHM) -> bytes:
    header = {"alg": alg, "typ": typ}
    return jws.serialize_compact(header, LINES, SIGNING, algorithms=[ALGORITHM]).encode()


def opened(data: bytes) -> bytes | NotOpened:
    keys = bureau_files.read_keys(key_set(public(SEALING), public(SIGNING)))
    return bureau_files.open_results(data, keys.signing, most=MOST)


def test_an_independent_library_opens_a_batch_and_finds_our_signature() -> None:
    inside = jwe.decrypt_compact(sealed(), SEALING, algorithms=["ECDH-ES", "A256GCM"])
    assert inside.plaintext is not None
    ours = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64.urlsafe_b64encode(OURS.public_key().public_bytes_raw())
            .rstrip(b"=")
            .decode(),
        }
    )
    found = jws.deserialize_compact(inside.plaintext, ours, algorithms=[ALGORITHM])
    assert found.payload == LINES
    assert found.headers()["kid"] == "bur.1"
    assert found.headers()["typ"] == BATCH_TYPE


def test_a_batch_is_closed_to_every_other_key_and_never_sealed_the_same_twice() -> None:
    first, second = sealed(), sealed()
    assert first != second
    assert b"Briain" not in first
    with pytest.raises(JoseError):
        jwe.decrypt_compact(first, OKPKey.generate_key("X25519"), algorithms=["ECDH-ES", "A256GCM"])


def test_results_signed_by_an_independent_library_are_opened() -> None:
    assert opened(results()) == LINES
    assert opened(results() + b"\n") == LINES


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_results_under_the_older_name_of_the_algorithm_are_opened_too() -> None:
    header = {"alg": "EdDSA", "typ": RESULTS_TYPE}
    old = jws.serialize_compact(header, LINES, SIGNING, algorithms=["EdDSA"])
    assert opened(old.encode()) == LINES


def test_results_are_refused_whole_when_anything_about_them_is_wrong() -> None:
    whole = results()
    head, body, signature = whole.split(b".")
    other = jws.serialize_compact(
        {"alg": ALGORITHM, "typ": RESULTS_TYPE},
        LINES,
        OKPKey.generate_key("Ed25519"),
        algorithms=[ALGORITHM],
    ).encode()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"kentcard-results+jsonl"}')
    wrong = {
        "empty": b"",
        "cut off in the signature": whole[:-5],
        "cut off in the lines": whole[: len(head) + 20],
        "cut off before the signature": head + b"." + body,
        "one bit of the lines": head + b"." + body[:-4] + b"AAAA" + b"." + signature,
        "signed by somebody else": other,
        "not signed": unsigned.rstrip(b"=") + b"." + body + b".",
        "our own batch sent back": results(typ=BATCH_TYPE),
        "not base64": b"a b.c d.e f",
        "not ASCII": "é.é.é".encode(),
        "no header": b"e30." + body + b"." + signature,
        "a header that is a list": b"W10." + body + b"." + signature,
        "plain lines": LINES,
        "too large": whole + b" " * MOST,
    }
    for what, data in wrong.items():
        found = opened(data)
        assert isinstance(found, NotOpened), what
        assert found.sentence.endswith("."), what


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_file_of_results_cut_off_anywhere_is_refused(cut: int) -> None:
    assert isinstance(opened(results()[:-cut]), NotOpened)


def test_keys_are_taken_from_a_whole_set_of_public_keys_only() -> None:
    found = bureau_files.read_keys(key_set(public(SIGNING), public(SEALING)))
    assert len(found.sealing) == len(found.signing) == 32
    assert found.sealing != found.signing
    short = public(SIGNING) | {"x": "AAAA"}
    wrong = (
        b"",
        b"[]",
        b'{"keys": 3}',
        key_set(),
        key_set(public(SEALING)),
        key_set(public(SEALING), public(SEALING)),
        key_set(public(SEALING), public(SIGNING), public(SIGNING)),
        key_set(public(SEALING), short),
        key_set(public(SEALING), public(SIGNING) | {"x": "%%%"}),
        key_set(public(SEALING), public(SIGNING) | {"crv": "X448"}),
    )
    for text in wrong:
        with pytest.raises(BadBureauKeys):
            bureau_files.read_keys(text)


def test_a_private_key_is_refused_and_said_to_be_spent() -> None:
    with pytest.raises(BadBureauKeys, match="private key"):
        bureau_files.read_keys(key_set(SEALING.as_dict(private=True), public(SIGNING)))


def test_a_sealing_key_that_gives_everybody_the_same_secret_is_refused() -> None:
    with pytest.raises(BadBureauKeys):
        bureau_files.seal(b"signed", bytes(32))


def test_a_header_that_was_changed_on_the_way_opens_nothing() -> None:
    whole = sealed().split(b".")
    changed = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(whole[0] + b"==").replace(b"jsonl", b"jsonx")
    ).rstrip(b"=")
    with pytest.raises(JoseError):
        jwe.decrypt_compact(
            b".".join([changed, *whole[1:]]), SEALING, algorithms=["ECDH-ES", "A256GCM"]
        )
