"""Whose library card was accepted at this kiosk: told to the library's own software beside it.

Nothing is kept for a listener that comes later, so that nobody is given whoever was here before.
"""

import threading
from collections import deque
from datetime import datetime
from typing import Final

import msgspec

from readers.contract.record import Record
from readers.contract.services import Service
from readers.terminal.till_secret import Secret

REMEMBERED: Final = 32
"""Patrons a slow listener may fall behind."""
DIGITS: Final = 14


class Patron(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted library card.

    Attributes:
        number: the holder's number with the library, as the card's face shows it; no other's.
        at: when the card was read, by the terminal's clock.
    """

    number: str
    at: datetime

    def __repr__(self) -> str:
        """Without the number: it must not reach a log."""
        return f"Patron(at={self.at!r})"


class Patrons:
    """Where the reader's thread says who tapped and the library's software waits for it.

    Args:
        secret: what the software shows.
    """

    def __init__(self, secret: Secret) -> None:
        self.secret = secret
        self._changed = threading.Condition()
        self._version = 0
        self._recent: deque[tuple[int, Patron]] = deque(maxlen=REMEMBERED)
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nobody will be told any more."""
        return self._closed

    def now(self) -> int:
        """From where whoever begins to listen at this moment is told."""
        with self._changed:
            return self._version

    def tapped(self, record: Record, *, now: datetime) -> None:
        """A tap at `now` was accepted by this record; only the library's are told."""
        if record.service is not Service.LIBRARY:
            return
        with self._changed:
            self._version += 1
            self._recent.append((self._version, patron_of(record, now=now)))
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> tuple[int, Patron | None]:
        """The first patron after `seen`, as soon as there is one; None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen or self._closed, seconds)
            later = (one for one in self._recent if one[0] > seen)
            return next(later, (seen, None))

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def patron_of(record: Record, *, now: datetime) -> Patron:
    """The patron behind an accepted record of the library."""
    return Patron(number=f"{record.number:0{DIGITS}d}", at=now)
