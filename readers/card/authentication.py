"""Proving to each other that card and terminal hold the same key."""

from collections.abc import Callable
from hmac import compare_digest
from typing import Final

from readers.card.apdu import CommandApdu, Procedure
from readers.card.codes import AES_KEYS, Ins
from readers.card.crypto import (
    BLOCK,
    DES_BLOCK,
    crc32,
    decrypt,
    decrypt_des,
    encrypt,
    encrypt_des,
    rotate_left,
    session_keys,
)
from readers.card.exchange import expect_more, transceive
from readers.card.keys import KeyAt
from readers.card.layout import PICC_KEY
from readers.card.secure import SecureSession
from readers.errors import CardNotGenuine, ForeignCard, StaleProof

Random = Callable[[int], bytes]
"""So many unpredictable bytes; ``secrets.token_bytes`` outside tests."""

FACTORY_DES_KEY: Final = bytes(8)
NO_CAPABILITIES: Final = b"\0"
TI_BYTES: Final = 4
FIRST_PROOF_BYTES: Final = 32
"""Transaction identifier, rotated challenge, and what card and terminal are capable of."""


def authenticate_ev2_first(key_no: int, key: bytes, *, random: Random) -> Procedure[SecureSession]:
    """Open a session. Source: MF2DLHX0 section 9.2.3; AN12196 section 6.6.

    Raises:
        CardRefused: the card does not hold that key (AE), or has no such key (40).
        StaleProof: the card answers another challenge than ours, or none.
        CardNotGenuine: its proof has the wrong length.
        ForeignCard: the answer is not DESFire's.
    """
    start = CommandApdu(Ins.AUTHENTICATE_EV2_FIRST, bytes([key_no]) + NO_CAPABILITIES)
    rnd_a, rnd_b, proof = yield from _handshake(start, key, random, FIRST_PROOF_BYTES)
    ti = proof[:TI_BYTES]
    _check(proof[TI_BYTES : TI_BYTES + BLOCK], rnd_a)
    return SecureSession(key_no, session_keys(key, rnd_a, rnd_b), ti)


def authenticate_ev2_non_first(
    session: SecureSession, key_no: int, key: bytes, *, random: Random
) -> Procedure[SecureSession]:
    """Go on under another key: the transaction's identifier and counter stay.

    Source: MF2DLHX0 section 9.2.4; AN12196 section 6.14. Raises as :func:`authenticate_ev2_first`.
    """
    start = CommandApdu(Ins.AUTHENTICATE_EV2_NON_FIRST, bytes([key_no]))
    rnd_a, rnd_b, proof = yield from _handshake(start, key, random, BLOCK)
    _check(proof, rnd_a)
    return SecureSession(key_no, session_keys(key, rnd_a, rnd_b), session.ti, session.counter)


def authenticate_factory_des(key: bytes = FACTORY_DES_KEY, *, random: Random) -> Procedure[bytes]:
    """Open a session under the single-DES key a card leaves the factory with.

    Source: the public libfreefare ``mifare_desfire.c`` (AuthenticateISO); a real card's trace in
    paultag/desox-rs, ``key_change_picc_round_the_world``.

    Returns:
        The session's DES key, 8 bytes.

    Raises:
        CardRefused: the card's key is no DES key, or another one.
        CardNotGenuine: the card does not hold the key it claims to hold.
    """
    start = CommandApdu(Ins.AUTHENTICATE_ISO, bytes([PICC_KEY]))
    challenge = expect_more((yield start), Ins.AUTHENTICATE_ISO)
    if len(challenge) != DES_BLOCK:
        raise ForeignCard("the challenge is no DES block")
    rnd_b = decrypt_des(key, challenge)
    rnd_a = random(DES_BLOCK)
    token = encrypt_des(key, rnd_a + rotate_left(rnd_b), iv=challenge)
    proof = yield from transceive(Ins.MORE, token)
    if len(proof) != DES_BLOCK:
        raise CardNotGenuine("the card's proof has the wrong length")
    _check(decrypt_des(key, proof, iv=token[-DES_BLOCK:]), rnd_a)
    return rnd_a[:4] + rnd_b[:4]


def replace_factory_key(session_key: bytes, new: KeyAt) -> Procedure[None]:
    """Turn the card's DES master key into an AES key; the session is over afterwards.

    Source: as :func:`authenticate_factory_des`.
    """
    header = bytes([AES_KEYS | PICC_KEY])
    plain = new.key + bytes([new.version])
    plain += crc32(bytes([Ins.CHANGE_KEY]) + header + plain)
    padded = plain + bytes(-len(plain) % DES_BLOCK)
    yield from transceive(Ins.CHANGE_KEY, header + encrypt_des(session_key, padded))


def _handshake(
    start: CommandApdu, key: bytes, random: Random, proof_bytes: int
) -> Procedure[tuple[bytes, bytes, bytes]]:
    challenge = expect_more((yield start), Ins(start.ins))
    if len(challenge) != BLOCK:
        raise ForeignCard("the challenge is no AES block")
    rnd_b = decrypt(key, challenge)
    rnd_a = random(BLOCK)
    answer = yield from transceive(Ins.MORE, encrypt(key, rnd_a + rotate_left(rnd_b)))
    if len(answer) != proof_bytes:
        raise CardNotGenuine("the card's proof has the wrong length")
    return rnd_a, rnd_b, decrypt(key, answer)


def _check(proof: bytes, rnd_a: bytes) -> None:
    if not compare_digest(proof, rotate_left(rnd_a)):
        raise StaleProof("the proof does not answer the challenge")
