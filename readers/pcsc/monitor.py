"""Watches all readers for cards and for readers themselves, and goes on whatever happens.

Not pyscard's CardMonitor: there, one exception in an observer or one restart of pcscd ends the
watching silently.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from smartcard import scard

from readers.card.channel import CardArrived, CardEvent, CardLeft, ReaderAppeared, ReaderGone
from readers.errors import ReaderFault, ReaderNotFound
from readers.pcsc.channel import pcsc_context, readers_of
from readers.pcsc.quirks import MOST_STATES, OK, PNP_NOTIFICATION, error_for

log = logging.getLogger(__name__)

_LOOK_AGAIN_MS: Final = 1000
"""The longest wait for an event. pcsc-lite misses a reader that comes between two calls, and a swap
while its event counter stands at 0; looking again finds both."""

_UNUSABLE: Final[int] = scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE
"""Unplugged, or listed still while its driver has lost it."""

_FIRST_PAUSE: Final = 0.05  # seconds between attempts to reach pcscd, doubled each time
_LONGEST_PAUSE: Final = 2.0


class Seen(msgspec.Struct, frozen=True):
    """What a reader showed last.

    Attributes:
        present: whether a card is there.
        count: pcscd's count of cards come and gone, 16 bits, wrapping.
    """

    present: bool
    count: int

    @classmethod
    def of(cls, state: int) -> "Seen":
        """From a PC/SC event state, whose upper 16 bits are the count."""
        return cls(bool(state & scard.SCARD_STATE_PRESENT), state >> 16 & 0xFFFF)


def events_between(before: Mapping[str, Seen], after: Mapping[str, Seen]) -> tuple[CardEvent, ...]:
    """What happened between two looks at all readers, leavings first.

    A card present both times with another count was taken away and one (perhaps the same) laid
    down again: that is a leaving and an arrival.
    """
    changed = {
        name
        for name in before.keys() & after.keys()
        if before[name].count != after[name].count or before[name].present != after[name].present
    }
    gone = [name for name in before if name not in after]
    came = [name for name in after if name not in before]
    left = [name for name in before if before[name].present and (name in gone or name in changed)]
    arrived = [name for name in after if after[name].present and (name in came or name in changed)]
    return (
        *(CardLeft(name) for name in left),
        *(ReaderGone(name) for name in gone),
        *(ReaderAppeared(name) for name in came),
        *(CardArrived(name) for name in arrived),
    )


class Monitor:
    """Tells a handler of cards and readers that come and go, until it is stopped.

    The handler is called from the monitor's own thread, one event at a time; an exception in it is
    logged and the next event comes all the same. When pcscd ends, every card has left and every
    reader is gone; when it is back, they appear again.

    Args:
        handler: takes each event. It must return soon: the next event waits for it.
    """

    def __init__(self, handler: Callable[[CardEvent], None]) -> None:
        self._handler = handler
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._context: Any = None
        self._seen: Mapping[str, Seen] = {}

    def start(self) -> None:
        """Start watching, unless it does; readers and cards already there are told as well."""
        if self._thread is not None:
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="card-monitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; no event comes after this returns (unless the handler itself calls it)."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        while thread is not None and thread.is_alive() and thread is not threading.current_thread():
            # Repeated: a cancel that comes while nothing waits is lost.
            if (context := self._context) is not None:
                scard.SCardCancel(context)
            thread.join(0.05)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                with pcsc_context() as self._context:
                    pause = _FIRST_PAUSE
                    self._watch()
            except ReaderFault as fault:
                log.warning("cannot watch the readers, trying again: %s", fault)
            finally:
                self._context = None
            if not self._stopping.is_set():
                self._tell({})
                self._stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _watch(self) -> None:
        states: dict[str, int] = {}
        while not self._stopping.is_set():
            present = readers_of(self._context)
            states = {name: states.get(name, scard.SCARD_STATE_UNAWARE) for name in present}
            try:
                states = self._wait(states)
            except ReaderNotFound:  # went since it was listed: list again
                continue
            if not self._stopping.is_set():
                self._tell(
                    {n: Seen.of(state) for n, state in states.items() if not state & _UNUSABLE}
                )

    def _wait(self, states: Mapping[str, int]) -> dict[str, int]:
        """The readers' states at the next event, or after a while."""
        asked = list(states.items())
        if len(asked) < MOST_STATES:  # else no reader can come, and one that goes shows by itself
            asked.append((PNP_NOTIFICATION, scard.SCARD_STATE_UNAWARE))
        code, answered = scard.SCardGetStatusChange(self._context, _LOOK_AGAIN_MS, asked)
        if code not in {OK, scard.SCARD_E_TIMEOUT, scard.SCARD_E_CANCELLED}:
            raise error_for(code, "")
        return {
            name: state & ~scard.SCARD_STATE_CHANGED
            for name, state, _ in answered
            if name != PNP_NOTIFICATION
        }

    def _tell(self, seen: Mapping[str, Seen]) -> None:
        events = events_between(self._seen, seen)
        self._seen = seen
        for event in events:
            try:
                self._handler(event)
            except Exception:
                log.exception("a handler failed on %s", event)
