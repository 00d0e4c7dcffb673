"""The cryptographic primitives of DESFire cards, as pure functions over bytes.

Keys, blocks and IVs are 16 bytes (AES-128) unless a name says DES.

Source: RFC 4493 (AES-CMAC); NXP AN12343 and AN12196 (EV2 secure messaging); MF2DLHX0 section 9.
"""

import zlib
from typing import Final, NamedTuple

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK: Final = 16
DES_BLOCK: Final = 8
MAC_BYTES: Final = 8
ZERO_IV: Final = bytes(BLOCK)

_ENC_LABEL: Final = bytes.fromhex("A55A00010080")
_MAC_LABEL: Final = bytes.fromhex("5AA500010080")
_COMMAND_IV_LABEL: Final = bytes.fromhex("A55A")
_RESPONSE_IV_LABEL: Final = bytes.fromhex("5AA5")
_CMAC_POLYNOMIALS: Final = {DES_BLOCK: 0x1B, BLOCK: 0x87}


class SessionKeys(NamedTuple):
    """What both sides derive from an EV2 authentication."""

    enc: bytes
    mac: bytes


def encrypt(key: bytes, data: bytes, iv: bytes = ZERO_IV) -> bytes:
    """AES-CBC over whole blocks."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def decrypt(key: bytes, data: bytes, iv: bytes = ZERO_IV) -> bytes:
    """The inverse of :func:`encrypt`."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return cipher.update(data) + cipher.finalize()


def encrypt_des(key: bytes, data: bytes, iv: bytes = bytes(DES_BLOCK)) -> bytes:
    """Single-DES-CBC over whole blocks of 8 bytes, for the factory key of a card only."""
    cipher = Cipher(TripleDES(key * 3), modes.CBC(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def decrypt_des(key: bytes, data: bytes, iv: bytes = bytes(DES_BLOCK)) -> bytes:
    """The inverse of :func:`encrypt_des`."""
    cipher = Cipher(TripleDES(key * 3), modes.CBC(iv)).decryptor()
    return cipher.update(data) + cipher.finalize()


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, all 16 bytes. Source: RFC 4493."""
    context = CMAC(algorithms.AES(key))
    context.update(message)
    return context.finalize()


def truncated_mac(key: bytes, message: bytes) -> bytes:
    """The 8 bytes of a CMAC that EV2 sends: every second one, from the second."""
    return cmac(key, message)[1::2]


def doubled(block: bytes) -> bytes:
    """A block of 8 or 16 bytes times x, in its field. Source: NIST SP 800-38B section 6.1."""
    size = len(block)
    value = int.from_bytes(block, "big") << 1
    if value >> (8 * size):
        value = (value & ((1 << (8 * size)) - 1)) ^ _CMAC_POLYNOMIALS[size]
    return value.to_bytes(size, "big")


def cmac_subkeys(key: bytes) -> tuple[bytes, bytes]:
    """K1 and K2. Source: RFC 4493 section 2.3."""
    k1 = doubled(encrypt(key, bytes(BLOCK)))
    return k1, doubled(k1)


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> SessionKeys:
    """The keys of an EV2 session. Source: AN12343; MF2DLHX0 section 9.2.7."""
    nonces = rnd_a[:2] + xor(rnd_a[2:8], rnd_b[:6]) + rnd_b[6:] + rnd_a[8:]
    return SessionKeys(enc=cmac(key, _ENC_LABEL + nonces), mac=cmac(key, _MAC_LABEL + nonces))


def command_iv(enc_key: bytes, ti: bytes, counter: int) -> bytes:
    """IV for the data of a command. Source: AN12196 table 25."""
    return encrypt(enc_key, _COMMAND_IV_LABEL + ti + counter.to_bytes(2, "little") + bytes(8))


def response_iv(enc_key: bytes, ti: bytes, counter: int) -> bytes:
    """IV for the data of a response; ``counter`` is the one after the command."""
    return encrypt(enc_key, _RESPONSE_IV_LABEL + ti + counter.to_bytes(2, "little") + bytes(8))


def crc32(data: bytes) -> bytes:
    """CRC-32 without the final inversion (JAMCRC), low byte first."""
    return (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")


def pad(data: bytes) -> bytes:
    """80 00 .. up to a whole block; a whole block gets one more (ISO/IEC 9797-1 method 2)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def unpad(data: bytes) -> bytes:
    """The inverse of :func:`pad`.

    Raises:
        ValueError: if the padding is not there, or longer than a block.
    """
    content = data.rstrip(b"\0")
    if not content.endswith(b"\x80") or len(data) - len(content) >= BLOCK:
        raise ValueError("the padding is wrong")
    return content[:-1]


def rotate_left(data: bytes) -> bytes:
    """The first byte moved to the end."""
    return data[1:] + data[:1]


def xor(one: bytes, other: bytes) -> bytes:
    """Byte by byte; both of one length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
