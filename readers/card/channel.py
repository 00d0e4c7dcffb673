"""The seam between card procedures and whatever carries their bytes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Channel(Protocol):
    """A card in a field, for as long as it stays there."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; the answer is data and two status bytes.

        Raises:
            CardRemoved: the card left the field.
            CardMute: a card is there and does not answer.
            ReaderFault: the reader or its driver failed.
        """
        ...


Connect = Callable[[str], AbstractContextManager[Channel]]
"""Opens the channel to the card in the reader of that name; raises as :class:`Channel` does."""


class CardArrived(msgspec.Struct, frozen=True, tag="card-arrived"):
    """A card entered the field of ``reader``."""

    reader: str


class CardLeft(msgspec.Struct, frozen=True, tag="card-left"):
    """The card left the field of ``reader``."""

    reader: str


class ReaderAppeared(msgspec.Struct, frozen=True, tag="reader-appeared"):
    """A reader can be used from now on."""

    reader: str


class ReaderGone(msgspec.Struct, frozen=True, tag="reader-gone"):
    """A reader was unplugged, or the service that runs it stopped."""

    reader: str


CardEvent = CardArrived | CardLeft | ReaderAppeared | ReaderGone
