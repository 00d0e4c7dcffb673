"""Two checks of the ITSO numbers on other people's cards; neither proves that a card is genuine."""

from typing import Final

_POLYNOMIAL: Final = 0x8408
_TEN: Final = 10


def check_digit(digits: str) -> str:
    """The last digit of an ISRN, from the 17 before it.

    Source: ITSO TS 1000-2 (ISRN); ISO/IEC 7812-1 annex B (Luhn).

    Raises:
        ValueError: if ``digits`` holds anything but 0 to 9.
    """
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("an ISRN has digits only")
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return str(-sum(value // _TEN + value % _TEN for value in doubled) % _TEN)


def crc_b(data: bytes) -> bytes:
    """The checksum of a shell, low byte first. Source: ISO/IEC 14443-3 annex B (CRC_B)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "little")
