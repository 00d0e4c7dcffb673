"""The answers just given, so that a card that comes back at once gets the same one."""

import threading
from datetime import datetime, timedelta
from typing import Final

import msgspec

from readers.terminal.decide import Accepted, Refused, Tap

MOST: Final = 256
"""Answers remembered; more cards than come to sixteen readers in the time."""


class Given(msgspec.Struct, frozen=True):
    """An answer that was given.

    Attributes:
        sequence: of the tap that was written down with it.
    """

    tap: Tap
    outcome: Accepted | Refused
    sequence: int
    at: datetime


class PassBack:
    """For all readers of a terminal, in memory only: it is gone after a restart, as is the card.

    A card counts as the same only if it has proved its key and carries the same record: a copy of
    its number gets nothing from here, and a card that was written to is decided anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: dict[bytes, Given] = {}

    def again(self, tap: Tap, *, within: timedelta, now: datetime) -> Given | None:
        """What this card was answered less than ``within`` ago, counted from the first answer."""
        with self._lock:
            given = self._given.get(tap.uid)
        if given is None or given.tap != tap:
            return None
        return given if timedelta(0) <= now - given.at < within else None

    def remember(self, given: Given) -> None:
        """An answer was given and written down."""
        with self._lock:
            self._given.pop(given.tap.uid, None)
            self._given[given.tap.uid] = given
            while len(self._given) > MOST:
                del self._given[next(iter(self._given))]

    def forget(self, uid: bytes) -> None:
        """This card was written to."""
        with self._lock:
            self._given.pop(uid, None)
