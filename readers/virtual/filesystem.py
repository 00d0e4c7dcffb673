"""What a virtual card keeps without power: keys, applications and files, and who may do what."""

from enum import IntFlag, StrEnum
from typing import Final

import msgspec

from readers.card.codes import FREE_ACCESS, NO_ACCESS, CommMode, Status

ROOT: Final = bytes(3)
MEMORY_BYTES: Final = 4096
MAX_FILE_NO: Final = 31
MASTER: Final = 0


class Refusal(Exception):
    """The card answers ``status`` and forgets session and transaction."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Rights(IntFlag):
    """Low half of the key settings."""

    MASTER_CHANGEABLE = 0x01
    FREE_LISTING = 0x02
    FREE_CREATE_DELETE = 0x04
    SETTINGS_CHANGEABLE = 0x08


SAME_KEY_CHANGES: Final = 0xE
KEYS_FROZEN: Final = 0xF


class Cipher(StrEnum):
    """What a key is for."""

    AES = "aes"
    DES = "des"


class Key(msgspec.Struct):
    """A key and its version byte: 16 bytes for AES, 8 for single DES."""

    cipher: Cipher
    value: bytes
    version: int = 0


class File(msgspec.Struct):
    """A standard or backup data file; ``access`` is read, write, both, change, four bits each."""

    backup: bool
    mode: int
    access: int
    data: bytes

    def keys_for(self, *, write: bool) -> tuple[int, int]:
        """The two access rights that allow it."""
        return self.access >> (8 if write else 12) & 0xF, self.access >> 4 & 0xF

    def mode_for(self, key_no: int | None, *, write: bool) -> CommMode:
        """How data travels for who authenticated with ``key_no``, or with none."""
        allowed = self.keys_for(write=write)
        if key_no is not None and key_no in allowed:
            return CommMode(self.mode)
        if FREE_ACCESS in allowed:
            return CommMode.PLAIN
        if set(allowed) == {NO_ACCESS}:
            raise Refusal(Status.PERMISSION_DENIED)
        raise Refusal(Status.AUTHENTICATION_ERROR)

    @property
    def bytes_taken(self) -> int:
        """A backup file is kept twice."""
        return len(self.data) * (2 if self.backup else 1)


class Application(msgspec.Struct):
    """Keys, who may use them for what, and files by number."""

    settings: int
    keys: list[Key]
    files: dict[int, File] = {}

    def key(self, key_no: int) -> Key:
        """The key of that number."""
        if key_no >= len(self.keys):
            raise Refusal(Status.NO_SUCH_KEY)
        return self.keys[key_no]

    def file(self, file_no: int) -> File:
        """The file of that number."""
        if file_no not in self.files:
            raise Refusal(Status.FILE_NOT_FOUND)
        return self.files[file_no]

    def require(self, right: Rights, key_no: int | None) -> None:
        """Go on if ``right`` is free or the master key opened the session."""
        if not self.settings & right and key_no != MASTER:
            raise Refusal(Status.AUTHENTICATION_ERROR)

    def require_master(self, key_no: int | None) -> None:
        """Go on if the master key opened the session."""
        if key_no != MASTER:
            raise Refusal(Status.AUTHENTICATION_ERROR)

    def require_may_change(self, target: int, key_no: int | None) -> None:
        """Go on if who authenticated with ``key_no`` may change the key ``target``."""
        if key_no is None:
            raise Refusal(Status.AUTHENTICATION_ERROR)
        changer = self.settings >> 4
        if target == MASTER and not self.settings & Rights.MASTER_CHANGEABLE:
            raise Refusal(Status.PERMISSION_DENIED)
        if target != MASTER and changer == KEYS_FROZEN:
            raise Refusal(Status.PERMISSION_DENIED)
        if target in (MASTER, changer):
            needed = MASTER
        else:
            needed = target if changer == SAME_KEY_CHANGES else changer
        if key_no != needed:
            raise Refusal(Status.AUTHENTICATION_ERROR)


def factory_root() -> Application:
    """The card's own level as the factory leaves it: a single-DES key of zeros, all rights free."""
    return Application(settings=0x0F, keys=[Key(Cipher.DES, bytes(8))])


class Memory(msgspec.Struct):
    """The whole card. Applications go by the hexadecimal digits of their number on the wire."""

    uid: bytes
    applications: dict[str, Application] = msgspec.field(
        default_factory=lambda: {ROOT.hex(): factory_root()}
    )
    format_disabled: bool = False

    def application(self, aid: bytes) -> Application:
        """The application of that number; the card's own level for 000000."""
        if aid.hex() not in self.applications:
            raise Refusal(Status.APPLICATION_NOT_FOUND)
        return self.applications[aid.hex()]

    def require_room(self, size: int) -> None:
        """Go on if ``size`` more bytes of files fit."""
        files = (file for app in self.applications.values() for file in app.files.values())
        if sum(file.bytes_taken for file in files) + size > MEMORY_BYTES:
            raise Refusal(Status.OUT_OF_MEMORY)
