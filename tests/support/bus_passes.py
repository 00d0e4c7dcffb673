"""Bus passes as their issuers lay them out, made by hand."""

from datetime import date
from typing import Final

from readers.card.apdu import run
from readers.card.codes import CommMode
from readers.card.itso import DIRECTORY_FILE, ITSO_AID, SHELL_FILE, crc_b
from readers.card.procedures import (
    create_application,
    create_standard_file,
    select_application,
    write_data,
)
from readers.virtual.card import VirtualCard
from tests.support.cards import UID

ISRN: Final = "633597028901000016"
"""The number of a pass on a public photograph."""
DAY: Final = date(2028, 3, 31)
FREE: Final = 0xEEEE
KEY_SETTINGS: Final = 0x0F


def shell_of(
    isrn: str = ISRN, expires: int = (DAY - date(1997, 1, 1)).days, *, mcrn: bytes = b""
) -> bytes:
    """A shell as TS 1000-2 clause 4.1 lays it out; with a media number it is longer."""
    length = 24 + (8 if mcrn else 0)
    head = (length // 4 << 10 | (3 if mcrn else 1) << 4 | 1).to_bytes(2)
    geometry = bytes([2, 1, 1]) + expires.to_bytes(2) + bytes([48, 16, 8, 8])
    body = (head + bytes.fromhex(isrn) + geometry + mcrn).ljust(length - 2, b"\0")
    return body + crc_b(body)


def directory_of(*, blocked: bool) -> bytes:
    return (0x0020 | blocked << 4 | 1).to_bytes(2) + bytes(46)


def bus_pass(shell: bytes, directory: bytes | None = None) -> VirtualCard:
    """A DESFire card with an ITSO application that anybody may read."""
    card = VirtualCard(UID)
    run(create_application(None, ITSO_AID, key_settings=KEY_SETTINGS, key_count=1), card)
    run(select_application(ITSO_AID), card)
    files = {SHELL_FILE: shell} | ({} if directory is None else {DIRECTORY_FILE: directory})
    for number, content in files.items():
        made = create_standard_file(
            None, number, mode=CommMode.PLAIN, access=FREE, size=len(content)
        )
        run(made, card)
        run(write_data(None, number, 0, content, mode=CommMode.PLAIN, native=True), card)
    card.reset()
    return card
