"""The numbers of the DESFire command set that we use: instructions, statuses, modes, rights.

Source: NXP MF2DLHX0 (MIFARE DESFire Light data sheet) sections 10 and 11; codes of the larger
cards as in the public proxmark3 ``client/src/mifare`` and libfreefare.
"""

from enum import IntEnum
from typing import Final


class Ins(IntEnum):
    """Instruction bytes."""

    AUTHENTICATE_ISO = 0x1A
    AUTHENTICATE_AES = 0xAA
    AUTHENTICATE_EV2_FIRST = 0x71
    AUTHENTICATE_EV2_NON_FIRST = 0x77
    MORE = 0xAF
    GET_VERSION = 0x60
    GET_APPLICATION_IDS = 0x6A
    CREATE_APPLICATION = 0xCA
    DELETE_APPLICATION = 0xDA
    SELECT_APPLICATION = 0x5A
    FORMAT_PICC = 0xFC
    SET_CONFIGURATION = 0x5C
    GET_CARD_UID = 0x51
    GET_KEY_SETTINGS = 0x45
    CHANGE_KEY_SETTINGS = 0x54
    GET_KEY_VERSION = 0x64
    CHANGE_KEY = 0xC4
    GET_FILE_IDS = 0x6F
    GET_FILE_SETTINGS = 0xF5
    CREATE_STANDARD_FILE = 0xCD
    CREATE_BACKUP_FILE = 0xCB
    DELETE_FILE = 0xDF
    READ_DATA = 0xBD
    READ_DATA_ISO = 0xAD
    WRITE_DATA = 0x3D
    WRITE_DATA_ISO = 0x8D
    COMMIT_TRANSACTION = 0xC7
    ABORT_TRANSACTION = 0xA7


class Status(IntEnum):
    """Status bytes; over ISO 7816 they follow 0x91."""

    OK = 0x00
    NO_CHANGES = 0x0C
    OUT_OF_MEMORY = 0x0E
    ILLEGAL_COMMAND = 0x1C
    INTEGRITY_ERROR = 0x1E
    NO_SUCH_KEY = 0x40
    LENGTH_ERROR = 0x7E
    PERMISSION_DENIED = 0x9D
    PARAMETER_ERROR = 0x9E
    APPLICATION_NOT_FOUND = 0xA0
    AUTHENTICATION_ERROR = 0xAE
    MORE = 0xAF
    BOUNDARY_ERROR = 0xBE
    COMMAND_ABORTED = 0xCA
    COUNT_ERROR = 0xCE
    DUPLICATE = 0xDE
    FILE_NOT_FOUND = 0xF0


class CommMode(IntEnum):
    """How the data of a file, or of a command, travels."""

    PLAIN = 0
    MACED = 1
    FULL = 3


AES_KEYS: Final = 0x80
"""Bit of a key number or key count that says: AES keys of 16 bytes."""

FREE_ACCESS: Final = 0xE
"""Access right: anybody, without a key."""

NO_ACCESS: Final = 0xF
"""Access right: nobody."""
