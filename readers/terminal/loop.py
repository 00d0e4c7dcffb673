"""A thread per reader that waits for cards and never ends by itself."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import Final

from readers.card.channel import (
    CardArrived,
    CardEvent,
    CardLeft,
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

LOOK_SECONDS: Final = 1.0
"""How often an idle reader looks whether what the screen says is still true."""


class Waiting(Enum):
    """What a reader's thread waits for."""

    READER = auto()
    CARD = auto()
    REMOVAL = auto()


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
        self._thread = threading.Thread(target=self._run, name=f"reader {reader}", daemon=True)

    def start(self) -> None:
        """Begin to wait."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the card that is being served."""
        self._events.put(None)
        self._thread.join()

    def tell(self, event: CardEvent) -> None:
        """Something happened at this reader; returns at once."""
        self._events.put(event)

    def _run(self) -> None:
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
                self.waiting = Waiting.REMOVAL
                self._serve()
                self._answer_until()

    def _serve(self) -> None:
        self._terminal.withdraw_from_till()
        try:
            with self._connect(self._reader) as channel:
                serve_card(self._terminal, channel)
        except ReadersError as error:
            log.info("no card was served: %s: %s", error.code, error)
            self._terminal.show(display.of_outcome(failure(error), self._terminal.service))

    def _answer_until(self) -> None:
        self._show_until = self._monotonic() + self._terminal.settings_from_afar.show_seconds

    def _look(self) -> None:
        if self.waiting is Waiting.CARD and self._monotonic() >= self._show_until:
            self._terminal.show_idle()


class Readers:
    """Hands the monitor's events to a thread for each reader this terminal is to use.

    Args:
        terminal: whose readers they are.
        connect: opens the channel to a card in a reader.
    """

    def __init__(self, terminal: Terminal, connect: Connect) -> None:
        self._terminal = terminal
        self._connect = connect
        self._threads: dict[str, ReaderThread] = {}

    def handle(self, event: CardEvent) -> None:
        """Take an event of the monitor; returns at once."""
        if not is_meant(self._terminal.settings.reader, event.reader):
            return
        self._terminal.health.readers.note(event, now=self._terminal.clock())
        if event.reader not in self._threads:
            thread = ReaderThread(self._terminal, event.reader, self._connect)
            self._threads[event.reader] = thread
            thread.start()
        self._threads[event.reader].tell(event)

    def stop(self) -> None:
        """End every thread, after the card it is serving."""
        for thread in self._threads.values():
            thread.stop()


def is_meant(setting: str, reader: str) -> bool:
    """Whether ``reader`` is the one set; PC/SC adds numbers to a name (``Reader 00 00``)."""
    return setting in ("", reader) or reader.startswith(setting + " ")
