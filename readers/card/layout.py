"""Where everything is on a Kent Card: one application, one file and one read key per service."""

from collections.abc import Mapping
from typing import Final

import msgspec

from readers.card.codes import NO_ACCESS
from readers.contract.services import Service

PICC_AID: Final = bytes(3)
"""The card itself, above all applications."""

PICC_KEY: Final = 0

KENT_AID: Final = b"KNT"
"""Placeholder until a number is registered with NXP; bytes as on the wire."""

MASTER_KEY: Final = 0
IDENTITY_KEY: Final = 1
WRITE_KEY: Final = 2
LIBRARY_KEY: Final = 3
LEISURE_KEY: Final = 4
TRAVEL_KEY: Final = 5
SPARE_KEYS: Final = (6, 7)
KEY_COUNT: Final = 8

MASTER_KEY_CHANGEABLE: Final = 0x01
SETTINGS_CHANGEABLE: Final = 0x08
KEY_SETTINGS: Final = MASTER_KEY_CHANGEABLE | SETTINGS_CHANGEABLE
"""Of card and application alike: nothing is listed, made or deleted without the master key."""

FILE_SIZE: Final = 192
"""A record is about 140 bytes with its frame. 192 encrypted are 208, and with MAC and status 218:
one short response, with room for fields to come."""


class FileLayout(msgspec.Struct, frozen=True):
    """A service's file: a backup file, always fully enciphered.

    Attributes:
        size: bytes.
        read_key: number of the only key that reads it; :data:`WRITE_KEY` alone writes it.
    """

    number: int
    read_key: int
    size: int = FILE_SIZE

    @property
    def access(self) -> int:
        """Access rights: read, write, read and write, change; four bits each."""
        return self.read_key << 12 | WRITE_KEY << 8 | NO_ACCESS << 4 | MASTER_KEY


FILES: Final[Mapping[Service, FileLayout]] = {
    Service.IDENTITY: FileLayout(1, IDENTITY_KEY),
    Service.LIBRARY: FileLayout(2, LIBRARY_KEY),
    Service.LEISURE: FileLayout(3, LEISURE_KEY),
    Service.TRAVEL: FileLayout(4, TRAVEL_KEY),
}

KEY_MEANINGS: Final[Mapping[int, str]] = {
    MASTER_KEY: "issuer: changes keys, makes files",
    WRITE_KEY: "server only: writes every file",
    **{layout.read_key: f"terminals that read {service}" for service, layout in FILES.items()},
    **dict.fromkeys(SPARE_KEYS, "spare, held by the issuer"),
}
"""Who holds which key of the application."""
