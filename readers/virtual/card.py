"""A DESFire card in software, as far as a Kent Card needs one, to stand behind a real reader.

It knows AES and the factory's single DES, standard and backup files, EV1 and EV2 messaging, and
loses power at any command. It has no value, record or transaction MAC files, no random UID, and
no notion of time.
"""

import secrets
from typing import Final

import msgspec

from readers.card.apdu import NATIVE_CLASS, NATIVE_STATUS
from readers.card.codes import Status
from readers.errors import CardRemoved
from readers.virtual.authentication import Random
from readers.virtual.chip import Chip, Reply
from readers.virtual.filesystem import Memory

READER_CLASS: Final = 0xFF
ISO_CLASS: Final = 0x00
GET_UID: Final = bytes.fromhex("FFCA0000")
GET_ATS: Final = bytes.fromhex("FFCA0100")
ATS: Final = bytes.fromhex("067577810280")
SELECT_DESFIRE: Final = bytes.fromhex("00A4040007D2760000850100")

OK: Final = bytes.fromhex("9000")
WRONG_LENGTH: Final = bytes.fromhex("6700")
UNSUPPORTED: Final = bytes.fromhex("6A81")
NOT_FOUND: Final = bytes.fromhex("6A82")
UNKNOWN_INSTRUCTION: Final = bytes.fromhex("6D00")
UNKNOWN_CLASS: Final = bytes.fromhex("6E00")

UID_BYTES: Final = 7
HEADER_BYTES: Final = 5


class VirtualCard:
    """A card in factory state, or as :meth:`load` finds it; it satisfies ``Channel``.

    Args:
        uid: 7 bytes.
        rnd: where its challenges come from.

    Raises:
        ValueError: if ``uid`` has another length.
    """

    def __init__(self, uid: bytes, *, rnd: Random = secrets.token_bytes) -> None:
        if len(uid) != UID_BYTES:
            raise ValueError(f"a card's UID has 7 bytes, not {len(uid)}")
        self._memory = Memory(uid)
        self._rnd = rnd
        self.reset()
        self._commands_left: int | None = None
        self._last_is_done = False

    @classmethod
    def load(cls, dumped: object, *, rnd: Random = secrets.token_bytes) -> "VirtualCard":
        """The card that :meth:`dump` described.

        Raises:
            msgspec.ValidationError: if ``dumped`` describes no card.
        """
        memory = msgspec.convert(dumped, Memory, str_keys=True, strict=False)
        card = cls(memory.uid, rnd=rnd)
        card._memory = memory
        card.reset()
        return card

    def dump(self) -> object:
        """All that the card keeps without power, fit for JSON; it holds its keys in clear."""
        return msgspec.to_builtins(self._memory, str_keys=True)

    @property
    def uid(self) -> bytes:
        """Its 7 bytes."""
        return self._memory.uid

    def reset(self) -> None:
        """Power off and on: selection, session and what was not committed are gone."""
        self._powered = True
        self._chip = Chip(self._memory, self._rnd)

    def tear_after(self, n: int | None, *, done: bool = False) -> None:
        """Lose power in the middle of the ``n``-th command from now; None: never.

        Commands that a reader answers by itself do not count.

        Args:
            n: from 1.
            done: the card still does what the command says, but its answer is lost.

        Raises:
            ValueError: if ``n`` is less than 1.
        """
        if n is not None and n < 1:
            raise ValueError("the first command that can be torn is number 1")
        self._commands_left = n
        self._last_is_done = done

    def transmit(self, command: bytes) -> bytes:
        """Answer a command: wrapped, native, or one of those a reader answers for a card.

        Raises:
            CardRemoved: the card has no power, or loses it now.
        """
        if not self._powered:
            raise CardRemoved("the virtual card has no power")
        if command[:1] == bytes([READER_CLASS]):
            return self._as_reader(command)
        if self._commands_left is not None:
            self._commands_left -= 1
            if self._commands_left == 0:
                self._tear(command)
        return self._answer(command)

    def _tear(self, command: bytes) -> None:
        if self._last_is_done:
            self._answer(command)
        self._powered = False
        self._commands_left = None
        raise CardRemoved("the virtual card lost power")

    def _as_reader(self, command: bytes) -> bytes:
        if command[:4] == GET_UID:
            return self.uid + OK
        return ATS + OK if command[:4] == GET_ATS else UNSUPPORTED

    def _answer(self, command: bytes) -> bytes:
        if not command:
            return WRONG_LENGTH
        if command[0] == NATIVE_CLASS:
            status, data = self._wrapped(command)
            return data + bytes([NATIVE_STATUS, status])
        if command[0] == ISO_CLASS:
            return self._iso(command)
        status, data = self._chip.native(command[0], command[1:])
        return bytes([status]) + data

    def _wrapped(self, command: bytes) -> Reply:
        ins, payload = command[1:2], command[HEADER_BYTES:-1]
        length = command[4] if len(command) > HEADER_BYTES else 0
        if len(command) < HEADER_BYTES or len(payload) != length or any(command[2:4]):
            return self._chip.refuse(Status.LENGTH_ERROR)
        return self._chip.native(ins[0], payload)

    def _iso(self, command: bytes) -> bytes:
        if command[1:2] != SELECT_DESFIRE[1:2]:
            return UNKNOWN_INSTRUCTION
        if command[: len(SELECT_DESFIRE)] != SELECT_DESFIRE:
            return NOT_FOUND
        self.reset()
        return OK
