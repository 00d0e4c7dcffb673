"""A part of a key as a custodian carries it on paper, with digits that find what was mistyped."""

import re
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from cardservice.errors import BadComponent
from readers.card.crypto import BLOCK, xor

GROUPS: Final = 8
_DIGITS: Final = 4
_CHECK_BYTES: Final = 3
_BASE: Final = 16
_GROUP: Final = re.compile(r"[0-9A-F]{5}")


def new_component() -> bytes:
    """Sixteen bytes that tell nothing of the key without the other component."""
    return secrets.token_bytes(BLOCK)


def written(component: bytes) -> str:
    """As on paper: eight groups of four hexadecimal digits and a check digit."""
    digits = component.hex().upper()
    groups = [digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS)]
    return " ".join(group + _check_digit(group) for group in groups)


def read(text: str) -> bytes:
    """A component as somebody typed it; spaces and small letters do not matter.

    Raises:
        BadComponent: it is not whole, or the groups it names were mistyped.
    """
    digits = "".join(text.split()).upper()
    size = _DIGITS + 1
    groups = [digits[start : start + size] for start in range(0, len(digits), size)]
    if len(groups) != GROUPS or len(groups[-1]) != size:
        raise BadComponent(f"A component has {GROUPS} groups of {size} digits from 0 to F.")
    wrong = [str(place) for place, group in enumerate(groups, start=1) if not _is_right(group)]
    if wrong:
        raise BadComponent(f"Mistyped: group {', '.join(wrong)} of {GROUPS}. Look at it again.")
    return bytes.fromhex("".join(group[:_DIGITS] for group in groups))


def combined(components: Sequence[bytes]) -> bytes:
    """The key: the components, each as long as the key, by exclusive or.

    Whoever lacks one of them knows nothing of the key.

    Source: NIST SP 800-133 rev. 2 section 6.3 (method 2).

    Raises:
        BadComponent: they are alike, so that they cancel each other out.
    """
    first, second = components
    key = xor(first, second)
    if not any(key):
        raise BadComponent("Both custodians brought the same component. Each needs their own.")
    return key


def check_value(key: bytes) -> str:
    """As `generations.check_value`, of a key or component in hand."""
    mac = CMAC(AES(key))
    mac.update(bytes(BLOCK))
    return mac.finalize()[:_CHECK_BYTES].hex().upper()


def _is_right(group: str) -> bool:
    return bool(_GROUP.fullmatch(group)) and group[-1] == _check_digit(group[:-1])


def _check_digit(digits: str) -> str:
    """Finds one wrong digit, and nearly every two that changed places.

    Source: ISO/IEC 7812-1 annex B (Luhn's formula), with 16 for 10.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit, _BASE) * (2 if place % 2 == 0 else 1)
        total += value // _BASE + value % _BASE
    return f"{-total % _BASE:X}"
