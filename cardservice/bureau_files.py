"""Files between the council and a card bureau: signed by who sends them, sealed for who reads them.

A batch is JSON Lines in a JWS of the council's, in a JWE for the bureau's key; results are JSON
Lines in a JWS of the bureau's. Any JOSE library reads and writes both (docs/bureau.md).

Source: RFC 7515 (JWS), RFC 7516 (JWE), RFC 7518 section 4.6 (ECDH-ES), RFC 8037 and
RFC 9864 (Ed25519, X25519).
"""

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from cardservice.errors import BadBureauKeys

BATCH_TYPE: Final = "kentcard-batch+jsonl"
RESULTS_TYPE: Final = "kentcard-results+jsonl"
ALGORITHM: Final = "Ed25519"
_OLDER_NAME: Final = "EdDSA"
_ENC: Final = "A256GCM"
_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16
_PARTS_OF_JWS: Final = 3


class BureauKeys(msgspec.Struct, frozen=True):
    """The public keys of a bureau, 32 bytes each.

    Attributes:
        sealing: X25519: batches are sealed for it.
        signing: Ed25519: results are signed by it.
    """

    sealing: bytes
    signing: bytes


class NotOpened(msgspec.Struct, frozen=True):
    """Why a file of results is not taken, before a line of it is read."""

    sentence: str


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    crv: str
    x: str
    d: str = ""


class _JwkSet(msgspec.Struct, frozen=True):
    keys: list[_Jwk]


class _Header(msgspec.Struct, frozen=True):
    alg: str
    typ: str = ""


def read_keys(text: bytes) -> BureauKeys:
    """The keys in a JWK Set with one X25519 and one Ed25519 key.

    Raises:
        BadBureauKeys: anything else, or a file that holds a private key.
    """
    try:
        found = msgspec.json.decode(text, type=_JwkSet).keys
        keys = {key.crv: _bytes(key.x) for key in found}
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise BadBureauKeys("The file is not a JWK Set with the bureau's public keys.") from error
    if any(key.d for key in found):
        raise BadBureauKeys(
            "The file holds a private key. It is not secret any more: the bureau must make others, "
            "and send the public halves alone."
        )
    right = len(found) == len(keys) and set(keys) == {"X25519", "Ed25519"}
    if not right or any(len(each) != _KEY_BYTES for each in keys.values()):
        raise BadBureauKeys("The JWK Set needs one X25519 key and one Ed25519 key, and no other.")
    return BureauKeys(keys["X25519"], keys["Ed25519"])


def public_jwk(key: bytes, key_id: str) -> Mapping[str, str]:
    """An Ed25519 public key (32 bytes) as a JWK."""
    return {"kty": "OKP", "crv": "Ed25519", "x": _b64(key).decode(), "kid": key_id}


def sign(typ: str, lines: bytes, *, key_id: str, signature: Callable[[bytes], bytes]) -> bytes:
    """Lines as a compact JWS.

    Args:
        typ: `BATCH_TYPE` or `RESULTS_TYPE`.
        lines: JSON Lines in UTF-8.
        key_id: of the signing key.
        signature: Ed25519 over the bytes it is given, 64 bytes.
    """
    header = msgspec.json.encode({"alg": ALGORITHM, "kid": key_id, "typ": typ})
    signed = _b64(header) + b"." + _b64(lines)
    return signed + b"." + _b64(signature(signed))


def seal(signed: bytes, sealing_key: bytes) -> bytes:
    """A compact JWE that only the holder of an X25519 key opens; another one each time.

    Raises:
        BadBureauKeys: the key is no point of X25519 that can be used.
    """
    own = X25519PrivateKey.generate()
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(sealing_key))
    except ValueError as error:
        raise BadBureauKeys("The bureau's sealing key cannot be used.") from error
    epk = {"kty": "OKP", "crv": "X25519", "x": _b64(own.public_key().public_bytes_raw()).decode()}
    about = {"alg": "ECDH-ES", "enc": _ENC, "cty": BATCH_TYPE, "epk": epk}
    header, nonce = _b64(msgspec.json.encode(about)), secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_content_key(shared)).encrypt(nonce, signed, header)
    text, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    return b".".join((header, b"", _b64(nonce), _b64(text), _b64(tag)))


def open_results(data: bytes, signing_key: bytes, *, most: int) -> bytes | NotOpened:
    """The lines of a file of results that the bureau signed.

    Args:
        data: the file.
        signing_key: the bureau's.
        most: bytes of the largest file that is looked at.
    """
    if len(data) > most:
        return NotOpened(f"The file is larger than {most // 1024} kB. No batch has such results.")
    parts = data.strip().split(b".")
    if len(parts) != _PARTS_OF_JWS:
        return NotOpened("This is not a whole file of signed results. It may have been cut off.")
    try:
        header = msgspec.json.decode(_bytes(parts[0].decode()), type=_Header)
        lines, signature = _bytes(parts[1].decode()), _bytes(parts[2].decode())
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError):
        return NotOpened("This is not a whole file of signed results. It may have been cut off.")
    if header.alg not in {ALGORITHM, _OLDER_NAME} or header.typ != RESULTS_TYPE:
        return NotOpened("The file is signed, but it does not say that it holds results.")
    try:
        key = Ed25519PublicKey.from_public_bytes(signing_key)
        key.verify(signature, parts[0] + b"." + parts[1])
    except InvalidSignature:
        return NotOpened(
            "The file was not signed by this bureau, or it was changed or cut off on its way."
        )
    return lines


def _content_key(shared: bytes) -> bytes:
    """Source: RFC 7518 section 4.6.2 (Concat KDF; no PartyUInfo, no PartyVInfo)."""
    said = _ENC.encode()
    info = _counted(said) + _counted(b"") + _counted(b"") + (_KEY_BYTES * 8).to_bytes(4, "big")
    return ConcatKDFHash(SHA256(), length=_KEY_BYTES, otherinfo=info).derive(shared)


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _bytes(text: str) -> bytes:
    """Base64url without padding, and nothing else."""
    if "=" in text or not text.isascii():
        raise ValueError("not base64url without padding")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
