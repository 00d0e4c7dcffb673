"""A thread per reader that waits for cards and never ends by itself."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar

import msgspec

from readers.card.channel import (
    CardArrived,
    CardEvent,
    CardLeft,
    Channel,
    Connect,
    ReaderAppeared,
    ReaderGone,
)
from readers.errors import ReadersError
from readers.terminal import display
from readers.terminal.parts import Terminal
from readers.terminal.reading import failure
from readers.terminal.validate import serve_card

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_SECONDS: Final = 1.0
"""How often an idle reader looks whether what the screen says is still true."""


HANG_SECONDS: Final = 10.0
"""From how long a wait for the card's answer on a reader counts as broken. A card may ask for 5
seconds at most (ISO/IEC 14443-4 clause 7.2), and a reader that follows PC/SC gives up by itself."""

WATCH_SECONDS: Final = 1.0


class Waiting(StrEnum):
    """What a reader's thread waits for."""

    READER = "reader"
    CARD = "card"
    ANSWER = "answer"
    REMOVAL = "removal"


class ReaderNow(msgspec.Struct, frozen=True):
    """How a reader is.

    Attributes:
        hangs: it has not answered for :data:`HANG_SECONDS`, and nothing can call it back.
    """

    reader: str
    waiting: Waiting
    hangs: bool


class _GivenUp(BaseException):
    """Nobody waits for this thread any more: it ends, past every handler of errors."""


class ReaderThread:
    """Serves the cards of one reader.

    Args:
        terminal: whose reader it is.
        reader: its PC/SC name.
        connect: opens the channel to a card in it.
        monotonic: seconds that only go forward.
    """

    def __init__(
        self,
        terminal: Terminal,
        reader: str,
        connect: Connect,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.waiting = Waiting.READER
        self._terminal = terminal
        self._reader = reader
        self._connect = connect
        self._monotonic = monotonic
        self._events: queue.SimpleQueue[CardEvent | None] = queue.SimpleQueue()
        self._show_until = 0.0
        self._asked_at: float | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name=f"reader {reader}", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the card that is being served; one that hangs is left behind."""
        self._events.put(None)
        while self._thread.is_alive() and not self.hangs:
            self._thread.join(WATCH_SECONDS)

    def give_up(self) -> None:
        """Forget this thread: should its reader ever answer, nothing comes of it."""
        self._given_up = True
        self._events.put(None)

    @property
    def hangs(self) -> bool:
        """Whether the reader owes an answer for longer than a reader may."""
        asked_at = self._asked_at
        return asked_at is not None and self._monotonic() - asked_at >= HANG_SECONDS

    @property
    def health(self) -> ReaderNow:
        """How the reader is."""
        return ReaderNow(self._reader, self.waiting, self.hangs)

    def tell(self, event: CardEvent) -> None:
        """Something happened at this reader; returns at once."""
        self._events.put(event)

    def _run(self) -> None:
        with suppress(_GivenUp):
            self._serve_events()

    def _serve_events(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._guarded(self._look)
                continue
            if event is None:
                return
            log.debug("%s", event)
            self._guarded(partial(self._take, event))

    def _guarded(self, step: Callable[[], None]) -> None:
        """A fault of ours must cost one tap, never the terminal."""
        try:
            step()
        except Exception:
            log.exception("a fault while serving a card")
            try:
                self._answer_until()
                self._terminal.show(display.OWN_FAULT)
            except Exception:
                log.exception("the fault could not be shown")

    def _take(self, event: CardEvent) -> None:
        match event:
            case ReaderGone():
                self.waiting = Waiting.READER
                self._terminal.show(display.NO_READER)
            case ReaderAppeared():
                self.waiting = Waiting.CARD
                self._terminal.show_idle()
            case CardLeft():
                if self.waiting is Waiting.REMOVAL:
                    self.waiting = Waiting.CARD
                    self._answer_until()
            case CardArrived():
                self.waiting = Waiting.ANSWER
                try:
                    self._serve()
                finally:
                    self.waiting = Waiting.REMOVAL
                self._answer_until()

    def _serve(self) -> None:
        self._terminal.withdraw_from_till()
        try:
            with ExitStack() as stack:
                opening = self._connect(self._reader)
                channel = self._timed(lambda: stack.enter_context(opening))
                serve_card(self._terminal, _Timed(channel, self._timed))
        except ReadersError as error:
            log.info("no card was served: %s: %s", error.code, error)
            self._terminal.show(display.of_outcome(failure(error), self._terminal.service))

    def _timed(self, ask: Callable[[], T]) -> T:
        """Wait for the reader. PC/SC has no way to end such a wait from outside."""
        self._asked_at = self._monotonic()
        try:
            return ask()
        finally:
            self._asked_at = None
            if self._given_up:
                raise _GivenUp

    def _answer_until(self) -> None:
        self._show_until = self._monotonic() + self._terminal.settings_from_afar.show_seconds

    def _look(self) -> None:
        if self.waiting is Waiting.CARD and self._monotonic() >= self._show_until:
            self._terminal.show_idle()


class _Timed:
    """A channel of which is known since when it owes an answer."""

    def __init__(self, channel: Channel, timed: Callable[[Callable[[], bytes]], bytes]) -> None:
        self._channel = channel
        self._timed = timed

    def transmit(self, command: bytes) -> bytes:
        """See :class:`readers.card.channel.Channel`."""
        return self._timed(partial(self._channel.transmit, command))


class Readers:
    """Hands the monitor's events to a thread for each reader this terminal is to use.

    A thread of its own looks whether one of them hangs, says so on the screen, and lets the others
    go on. When such a reader is plugged in again it gets a new thread.

    Args:
        terminal: whose readers they are.
        connect: opens the channel to a card in a reader.
        monotonic: seconds that only go forward.
    """

    def __init__(
        self,
        terminal: Terminal,
        connect: Connect,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terminal = terminal
        self._connect = connect
        self._monotonic = monotonic
        self._threads: dict[str, ReaderThread] = {}
        self._hanging: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def handle(self, event: CardEvent) -> None:
        """Take an event of the monitor; returns at once."""
        if not is_meant(self._terminal.settings.reader, event.reader):
            return
        self._terminal.health.readers.note(event, now=self._terminal.clock())
        if not self._watchdog.is_alive() and not self._stopping.is_set():
            self._watchdog.start()
        thread = self._threads.get(event.reader)
        if thread is not None and thread.hangs and isinstance(event, ReaderAppeared):
            thread.give_up()
            thread = None
        if thread is None:
            thread = ReaderThread(
                self._terminal, event.reader, self._connect, monotonic=self._monotonic
            )
            self._threads[event.reader] = thread
            thread.start()
        thread.tell(event)

    def health(self) -> tuple[ReaderNow, ...]:
        """How every reader is that was ever seen."""
        return tuple(thread.health for thread in list(self._threads.values()))

    def look(self) -> None:
        """Say so if a reader has begun to hang, or answers again."""
        hanging = frozenset(each.reader for each in self.health() if each.hangs)
        for reader in sorted(hanging - self._hanging):
            log.error("%s has not answered for %.0f seconds", reader, HANG_SECONDS)
            self._terminal.show(display.READER_HANGS)
        for reader in sorted(self._hanging - hanging):
            log.warning("%s answers again", reader)
        self._hanging = hanging
        self._terminal.health.readers.note_hanging(hanging, now=self._terminal.clock())

    def stop(self) -> None:
        """End every thread, after the card it is serving."""
        self._stopping.set()
        for thread in self._threads.values():
            thread.stop()

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            try:
                self.look()
            except Exception:
                log.exception("a fault while watching the readers")


def is_meant(setting: str, reader: str) -> bool:
    """Whether ``reader`` is the one set; PC/SC adds numbers to a name (``Reader 00 00``)."""
    return setting in ("", reader) or reader.startswith(setting + " ")
