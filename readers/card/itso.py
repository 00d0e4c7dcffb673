"""Bus passes of the ITSO scheme: what anybody may read of one, which proves nothing.

What makes an ITSO card genuine are its seals, whose keys are in ITSO's own modules. Without them a
number, a date and a mark are read as the card states them: *read, not verified*. A checksum tells a
misread card, never a forged one.

Source: ITSO TS 1000-2 v2.1.5, clauses 4.1 (shell), 5.1.2 (directory) and annex A (checksum); TS
1000-10 clause 8 (CMD7, the DESFire medium); published under the Open Government Licence v3.0.
"""

from datetime import date, timedelta
from typing import Final

import msgspec

from readers.card.apdu import Procedure
from readers.card.codes import CommMode
from readers.card.procedures import read_data, select_application
from readers.errors import CardRefused, MalformedShell

ITSO_AID: Final = bytes.fromhex("1602A0")
"""A00216; bytes as on the wire."""
SHELL_FILE: Final = 15
DIRECTORY_FILE: Final = 0
ISSUER: Final = "633597"
SHORTEST_SHELL: Final = 24
BLOCK: Final = 4
CHECKSUM: Final = 2
ISRN_DIGITS: Final = 18
FIRST_DAY: Final = date(1997, 1, 1)
DAYS: Final = 2**14

NOT_VERIFIED: Final = "Read, not verified"
"""Said wherever a pass is shown that was read: its seals need keys that are ITSO's."""

_POLYNOMIAL: Final = 0x8408
_TEN: Final = 10


class BusPass(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says of itself; read, not verified.

    Attributes:
        isrn: 18 digits, the last of which fits the others.
        expires_on: the shell's last day; None: it is not to expire.
        blocked: whether the shell is marked as blocked; None: the card did not tell.
    """

    isrn: str
    expires_on: date | None
    blocked: bool | None


def read_bus_pass() -> Procedure[BusPass]:
    """Read the shell and the mark in the directory, in plain.

    Raises:
        ForeignCard: there is no ITSO application on the card.
        MalformedShell: what is there is no whole shell, or was misread.
        CardRefused: the shell may not be read.
        ChainTooLong: an answer has no end.
    """
    yield from select_application(ITSO_AID)
    shell = yield from read_data(None, SHELL_FILE, 0, 0, mode=CommMode.PLAIN, native=True)
    isrn, expires_on = parse_shell(shell)
    try:
        directory = yield from read_data(
            None, DIRECTORY_FILE, 0, CHECKSUM, mode=CommMode.PLAIN, native=True
        )
    except CardRefused:
        directory = b""
    return BusPass(isrn=isrn, expires_on=expires_on, blocked=is_blocked(directory))


def parse_shell(data: bytes) -> tuple[str, date | None]:
    """The ISRN and the last day in a shell, which may be followed by anything.

    Raises:
        MalformedShell: with a text that says what is wrong.
    """
    length = (data[0] >> 2) * BLOCK if data else 0
    if not SHORTEST_SHELL <= length <= len(data):
        raise MalformedShell(f"a shell of {length} bytes in a file of {len(data)}")
    if data[length - CHECKSUM : length] != crc_b(data[: length - CHECKSUM]):
        raise MalformedShell("the checksum of the shell does not fit: it was misread")
    # Issuer, operator, serial and check digit, two digits a byte.
    isrn = data[2 : 2 + ISRN_DIGITS // 2].hex()
    check_isrn(isrn)
    return isrn, day_of(int.from_bytes(data[14:16]) % DAYS)


def is_blocked(directory: bytes) -> bool | None:
    """Whether the directory marks the whole shell as blocked; None for too short a directory.

    Its first two bytes are 6 bits of length, 6 of bitmap and 4 of format; the bitmap's last one.
    """
    if len(directory) < CHECKSUM:
        return None
    return bool(int.from_bytes(directory[:CHECKSUM]) >> 4 & 1)


def check_isrn(isrn: str) -> None:
    """Refuse what cannot be the number of an ITSO shell.

    Source: ITSO TS 1000-2 clause 4.1.4; ISO/IEC 7812-1 annex B (Luhn).

    Raises:
        MalformedShell: with a text that says what is wrong.
    """
    if len(isrn) != ISRN_DIGITS or not (isrn.isascii() and isrn.isdigit()):
        raise MalformedShell(f"an ISRN has {ISRN_DIGITS} digits")
    if not isrn.startswith(ISSUER):
        raise MalformedShell(f"an ISRN begins with {ISSUER}")
    if check_digit(isrn[:-1]) != isrn[-1]:
        raise MalformedShell("the last digit of the ISRN does not fit the others")


def in_groups(isrn: str) -> str:
    """An ISRN as issuers print it: issuer, operator, serial and check digit apart."""
    return " ".join((isrn[:6], isrn[6:10], isrn[10:17], isrn[17:]))


def day_of(days: int) -> date | None:
    """The day of a DATE: days since 1997; 0 and the last one stand for *does not expire*.

    Source: ITSO TS 1000-1 (DATE), TS 1000-10 table 42.
    """
    if days in (0, DAYS - 1):
        return None
    return FIRST_DAY + timedelta(days=days)


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
