"""A card's own keys, derived from master keys so that one card's keys open no other card."""

from typing import Final

import msgspec

from readers.card.crypto import BLOCK, ZERO_IV, cmac_subkeys, encrypt, xor

SYSTEM_ID: Final = b"KENTCARD"
AES128_CONSTANT: Final = b"\x01"
"""What AN10922 puts before the input. AES-CMAC over this and our 19 bytes gives the same key, so a
key store that offers CMAC can derive without revealing the master key."""

UID_BYTES: Final = 7
AID_BYTES: Final = 3
MAX_INPUT: Final = 31
MAX_VERSION: Final = 255


class KeyAt(msgspec.Struct, frozen=True):
    """An AES key as a card holds it.

    Attributes:
        key: 16 bytes.
        version: 0 to 255; the card stores it beside the key and tells it to anybody. On a Kent
            Card it is the generation of the master key, and 0 a key as the factory left it.
    """

    key: bytes
    version: int

    def __post_init__(self) -> None:
        """Raise ValueError if this can be no key."""
        if len(self.key) != BLOCK:
            raise ValueError(f"an AES-128 key has 16 bytes, not {len(self.key)}")
        if not 0 <= self.version <= MAX_VERSION:
            raise ValueError(f"key version {self.version} is not from 0 to 255")

    def __repr__(self) -> str:
        """Without the key: this may reach a log."""
        return f"KeyAt(version={self.version})"


def diversification_input(uid: bytes, aid: bytes, key_no: int) -> bytes:
    """What makes a key differ from card to card and from number to number: 19 bytes.

    Args:
        uid: 7 bytes, as the reader tells it.
        aid: 3 bytes as on the wire.
        key_no: 0 to 13.

    Raises:
        ValueError: if ``uid`` or ``aid`` has another length: a card with a random UID, say.
    """
    if len(uid) != UID_BYTES:
        raise ValueError(f"a card's own UID has 7 bytes, not {len(uid)}")
    if len(aid) != AID_BYTES:
        raise ValueError(f"an application's number has 3 bytes, not {len(aid)}")
    return uid + aid + SYSTEM_ID + bytes([key_no])


def diversify(master: bytes, message: bytes) -> bytes:
    """The card's key for ``message``. Source: NXP AN10922 section 2.2 (AES-128).

    Args:
        master: 16 bytes.
        message: 1 to 31 bytes.

    Raises:
        ValueError: if ``message`` is empty or longer.
    """
    if not 1 <= len(message) <= MAX_INPUT:
        raise ValueError(f"a diversification input has 1 to 31 bytes, not {len(message)}")
    k1, k2 = cmac_subkeys(master)
    block = AES128_CONSTANT + message
    whole = len(block) == 2 * BLOCK
    padded = block if whole else (block + b"\x80").ljust(2 * BLOCK, b"\0")
    last = xor(padded[BLOCK:], k1 if whole else k2)
    return encrypt(master, padded[:BLOCK] + last, ZERO_IV)[BLOCK:]
