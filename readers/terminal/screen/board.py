"""The present picture, and who waits for the next one."""

import threading
from collections import deque
from datetime import datetime
from typing import Final

import msgspec

from readers.clock import Clock
from readers.contract.services import Service
from readers.terminal.display import ClockState, Display, Kind, Picture
from readers.terminal.journal import Counts

REMEMBERED: Final = 32
"""Pictures kept for a screen that looks late: an answer may stand for a millisecond only, and
still has to be heard."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the edge of the screen says, whatever the picture."""

    service: Service | None = None
    counts: Counts = Counts(0, 0)
    online: bool = False
    clock: ClockState = ClockState.OK
    bundle_at: datetime | None = None
    listed_at: datetime | None = None
    list_is_old: bool = False
    pairs: bool = False


class Board:
    """Where the reader's thread puts pictures up and the screen's threads look at them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._version = 1
        self._closed = False
        self._display = Display(state=Kind.FAULT, title="Starting", reason="starting", at=clock())
        self._recent = deque([(self._version, self._display)], maxlen=REMEMBERED)

    @property
    def closed(self) -> bool:
        """Whether nothing will be put up any more."""
        return self._closed

    def show(self, picture: Picture, status: Status) -> None:
        """Put a picture up, as something that happens now, even if it looks like the last one."""
        with self._changed:
            self._put(_display(picture, status, self._clock()))

    def rest(self, picture: Picture, status: Status) -> None:
        """Put a picture up if it is not there already."""
        fresh = _display(picture, status, self._clock())
        with self._changed:
            if fresh != msgspec.structs.replace(self._display, at=fresh.at):
                self._put(fresh)

    def edge(self, status: Status) -> None:
        """Change the edge and leave the picture as it is."""
        with self._changed:
            fresh = _edged(self._display, status)
            if fresh != self._display:
                self._put(fresh)

    def _put(self, display: Display) -> None:
        self._display = display
        self._version += 1
        self._recent.append((self._version, display))
        self._changed.notify_all()

    def look(self) -> tuple[int, Display]:
        """The present picture and its version."""
        with self._changed:
            return self._version, self._display

    def wait(self, seen: int, seconds: float) -> tuple[int, Display]:
        """The first picture after version ``seen``, as soon as there is one.

        After ``seconds`` without one, the present picture. A watcher so sees every picture in
        order, unless it falls more than :data:`REMEMBERED` behind.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen or self._closed, seconds)
            later = (one for one in self._recent if one[0] > seen)
            return next(later, (self._version, self._display))

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _display(picture: Picture, status: Status, at: datetime) -> Display:
    words = picture.words
    display = Display(
        state=picture.state,
        title=words.title,
        advice=words.advice,
        reason=picture.reason,
        at=at,
        doing=list(picture.doing),
    )
    return _edged(display, status)


def _edged(display: Display, status: Status) -> Display:
    return msgspec.structs.replace(
        display,
        service=status.service,
        taps=status.counts.taps,
        uploaded=status.counts.uploaded,
        online=status.online,
        clock=status.clock,
        bundle_at=status.bundle_at,
        listed_at=status.listed_at,
        list_is_old=status.list_is_old,
        pairs=status.pairs,
    )
