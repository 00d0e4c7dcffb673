"""The card's half of every authentication, as generators: challenge out, token in, session back."""

from collections.abc import Callable, Generator, Mapping
from hmac import compare_digest
from typing import Final

import msgspec

from readers.card.codes import Ins, Status
from readers.card.crypto import (
    decrypt,
    decrypt_des,
    encrypt,
    encrypt_des,
    rotate_left,
    session_keys,
)
from readers.virtual.filesystem import Application, Cipher, Refusal
from readers.virtual.messaging import BLOCK_OF, CountedSession, RunningSession, Session

TI_BYTES: Final = 4
CAPABILITY_BYTES: Final = 6
CARD_CAPABILITIES: Final = bytes(CAPABILITY_BYTES)


class Opened(msgspec.Struct):
    """The last answer of an authentication, and what it opened."""

    answer: bytes
    session: Session


Handshake = Generator[bytes, bytes, Opened]
Random = Callable[[int], bytes]


def authenticate_iso(app: Application, current: Session, message: bytes, rnd: Random) -> Handshake:  # noqa: ARG001 - one signature for all
    """Single DES, as a factory card."""
    key = _key(app, message, Cipher.DES)
    rnd_a, rnd_b, proof = yield from _chained(key, Cipher.DES, rnd)
    return Opened(proof, RunningSession(message[0], Cipher.DES, rnd_a[:4] + rnd_b[:4]))


def authenticate_aes(app: Application, current: Session, message: bytes, rnd: Random) -> Handshake:  # noqa: ARG001 - one signature for all
    """EV1 with an AES key."""
    key = _key(app, message, Cipher.AES)
    rnd_a, rnd_b, proof = yield from _chained(key, Cipher.AES, rnd)
    session_key = rnd_a[:4] + rnd_b[:4] + rnd_a[12:] + rnd_b[12:]
    return Opened(proof, RunningSession(message[0], Cipher.AES, session_key))


def authenticate_ev2_first(
    app: Application,
    current: Session,  # noqa: ARG001 - one signature for all
    message: bytes,
    rnd: Random,
) -> Handshake:
    """EV2: a new transaction."""
    key_no, capabilities = message[:1], message[2:]
    if len(message) < 2 or len(capabilities) != message[1] or message[1] > CAPABILITY_BYTES:  # noqa: PLR2004 - key number, length
        raise Refusal(Status.LENGTH_ERROR)
    key = _key(app, key_no, Cipher.AES)
    rnd_a, rnd_b = yield from _plain_iv(key, rnd)
    ti = rnd(TI_BYTES)
    told = CARD_CAPABILITIES + capabilities.ljust(CAPABILITY_BYTES, b"\0")
    proof = encrypt(key, ti + rotate_left(rnd_a) + told)
    return Opened(proof, CountedSession(key_no[0], session_keys(key, rnd_a, rnd_b), ti))


def authenticate_ev2_non_first(
    app: Application, current: Session, message: bytes, rnd: Random
) -> Handshake:
    """EV2: another key within the transaction."""
    if not isinstance(current, CountedSession):
        raise Refusal(Status.AUTHENTICATION_ERROR)
    key = _key(app, message, Cipher.AES)
    rnd_a, rnd_b = yield from _plain_iv(key, rnd)
    keys = session_keys(key, rnd_a, rnd_b)
    session = CountedSession(message[0], keys, current.ti, current.counter)
    return Opened(encrypt(key, rotate_left(rnd_a)), session)


HANDSHAKES: Final[Mapping[int, Callable[[Application, Session, bytes, Random], Handshake]]] = {
    Ins.AUTHENTICATE_ISO: authenticate_iso,
    Ins.AUTHENTICATE_AES: authenticate_aes,
    Ins.AUTHENTICATE_EV2_FIRST: authenticate_ev2_first,
    Ins.AUTHENTICATE_EV2_NON_FIRST: authenticate_ev2_non_first,
}


def _key(app: Application, key_no: bytes, cipher: Cipher) -> bytes:
    if len(key_no) != 1:
        raise Refusal(Status.LENGTH_ERROR)
    key = app.key(key_no[0])
    if key.cipher is not cipher:
        raise Refusal(Status.AUTHENTICATION_ERROR)
    return key.value


def _chained(
    key: bytes, cipher: Cipher, rnd: Random
) -> Generator[bytes, bytes, tuple[bytes, bytes, bytes]]:
    """Each ciphertext is the IV of the next."""
    block = BLOCK_OF[cipher]
    seal, unseal = (encrypt, decrypt) if cipher is Cipher.AES else (encrypt_des, decrypt_des)
    rnd_b = rnd(block)
    challenge = seal(key, rnd_b)
    token = yield challenge
    rnd_a = _verified(token, lambda: unseal(key, token, challenge), rnd_b)
    return rnd_a, rnd_b, seal(key, rotate_left(rnd_a), token[-block:])


def _plain_iv(key: bytes, rnd: Random) -> Generator[bytes, bytes, tuple[bytes, bytes]]:
    """Every ciphertext starts from an IV of zeros."""
    rnd_b = rnd(BLOCK_OF[Cipher.AES])
    token = yield encrypt(key, rnd_b)
    return _verified(token, lambda: decrypt(key, token), rnd_b), rnd_b


def _verified(token: bytes, opened: Callable[[], bytes], rnd_b: bytes) -> bytes:
    if len(token) != 2 * len(rnd_b):
        raise Refusal(Status.LENGTH_ERROR)
    plain = opened()
    rnd_a, echoed = plain[: len(rnd_b)], plain[len(rnd_b) :]
    if not compare_digest(echoed, rotate_left(rnd_b)):
        raise Refusal(Status.AUTHENTICATION_ERROR)
    return rnd_a
