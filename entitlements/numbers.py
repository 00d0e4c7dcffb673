"""Numbers of 14 digits as libraries print them: 2, the institution, a random serial, a check digit.

Source: ISO/IEC 7812-1 annex B (Luhn) for the check digit.
"""

import secrets
from typing import Final

LIBRARY_STYLE: Final = "2"
SERIAL_DIGITS: Final = 8


def new_number(institution: str) -> int:
    """A random number of an institution (four digits)."""
    serial = secrets.randbelow(10**SERIAL_DIGITS)
    return with_check_digit(f"{LIBRARY_STYLE}{institution}{serial:0{SERIAL_DIGITS}d}")


def with_check_digit(digits: str) -> int:
    """The number with its check digit.

    Source: ISO/IEC 7812-1 annex B (Luhn).
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return int(digits) * 10 + -total % 10
