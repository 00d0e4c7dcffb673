"""Commands, responses, and procedures that need no reader to run."""

from collections.abc import Generator
from typing import Final, TypeVar

import msgspec

from readers.card.channel import Channel
from readers.card.codes import Status
from readers.errors import CardMute

NATIVE_CLASS: Final = 0x90
NATIVE_STATUS: Final = 0x91
MAX_DATA: Final = 255
STATUS_BYTES: Final = 2


class CommandApdu(msgspec.Struct, frozen=True):
    """A short ISO 7816-4 command; by default one that wraps a native DESFire command.

    Attributes:
        data: at most 255 bytes.
        le: expected length; 0 stands for any up to 256.
    """

    ins: int
    data: bytes = b""
    cla: int = NATIVE_CLASS
    p1: int = 0
    p2: int = 0
    le: int = 0

    def to_bytes(self) -> bytes:
        """The command as it goes to the card.

        Raises:
            ValueError: if ``data`` does not fit a short command.
        """
        if len(self.data) > MAX_DATA:
            raise ValueError(f"{len(self.data)} bytes do not fit one command")
        body = bytes([len(self.data)]) + self.data if self.data else b""
        return bytes([self.cla, self.ins, self.p1, self.p2]) + body + bytes([self.le])


class ResponseApdu(msgspec.Struct, frozen=True):
    """A card's answer.

    Attributes:
        sw: both status bytes, for example 0x9100.
    """

    data: bytes
    sw: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ResponseApdu":
        """Split an answer.

        Raises:
            CardMute: if it is too short to be one.
        """
        if len(raw) < STATUS_BYTES:
            raise CardMute(f"an answer of {len(raw)} bytes is none")
        return cls(raw[:-STATUS_BYTES], int.from_bytes(raw[-STATUS_BYTES:], "big"))

    @property
    def native(self) -> bool:
        """Whether a DESFire card answered in its own language."""
        return self.sw >> 8 == NATIVE_STATUS

    @property
    def status(self) -> int:
        """The DESFire status byte, or both ISO status bytes if the card speaks no DESFire."""
        return self.sw & 0xFF if self.native else self.sw

    @property
    def more(self) -> bool:
        """Whether the card waits to be asked, or told, the next frame."""
        return self.native and self.status == Status.MORE


T = TypeVar("T")

Procedure = Generator[CommandApdu, ResponseApdu, T]
"""Yields commands, is sent the answers, returns its result; whoever drives it owns the channel."""


def run(procedure: Procedure[T], channel: Channel) -> T:
    """Drive a procedure over a channel to its result.

    Raises:
        ReadersError: whatever the procedure or the channel raises.
    """
    try:
        command = next(procedure)
        while True:
            answer = channel.transmit(command.to_bytes())
            command = procedure.send(ResponseApdu.from_bytes(answer))
    except StopIteration as done:
        result: T = done.value
        return result
