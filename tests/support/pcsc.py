"""A running pcscd and simple cards for tests that need the real stack."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from readers.card.channel import CardArrived, CardEvent, ReaderAppeared
from readers.errors import CardRemoved
from readers.pcsc.monitor import Monitor
from readers.virtual.pcscd import MOST_READERS, Pcscd, enter_private_namespace
from readers.virtual.plug import Card, Plug
from tests.support.patience import PATIENCE

ANSWER_TIMEOUT_MS = 1000


class EchoCard:
    """Answers every command with the command itself and 9000, or tears itself away."""

    def __init__(self, prefix: bytes = b"") -> None:
        self.prefix = prefix
        self.resets = 0
        self.tears = False

    def transmit(self, command: bytes) -> bytes:
        if self.tears:
            raise CardRemoved("torn away")
        return self.prefix + command + b"\x90\x00"

    def reset(self) -> None:
        self.resets += 1


class MuteCard(EchoCard):
    """Takes commands and does not answer until it is told to speak."""

    def __init__(self) -> None:
        super().__init__()
        self.speak = threading.Event()

    def transmit(self, command: bytes) -> bytes:
        self.speak.wait()
        return super().transmit(command)


class Watch:
    """A started monitor and the events it told, in order."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[CardEvent] = queue.SimpleQueue()
        self._monitor = Monitor(self._events.put)

    def next(self) -> CardEvent:
        return self._events.get(timeout=PATIENCE)

    def until(self, wanted: CardEvent) -> list[CardEvent]:
        """Everything told up to and with ``wanted``."""
        told = [self.next()]
        while told[-1] != wanted:
            told.append(self.next())
        return told

    def quiet(self) -> bool:
        return self._events.empty()

    @contextmanager
    def running(self, readers: int) -> Iterator["Watch"]:
        """Start it, and swallow the appearance of that many readers that are there already."""
        self._monitor.start()
        try:
            appeared = 0
            while appeared < readers:
                appeared += isinstance(self.next(), ReaderAppeared)
            yield self
        finally:
            self._monitor.stop()


@contextmanager
def laid(pcscd: Pcscd, reader: str, card: Card, **options: bytes) -> Iterator[Plug]:
    """``card`` on ``reader``, and pcscd has noticed."""
    plug = Plug(pcscd.socket_of(reader))
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(card, **options)
        watch.until(CardArrived(reader))
    try:
        yield plug
    finally:
        plug.remove()


@contextmanager
def running_pcscd(directory: Path) -> Iterator[Pcscd]:
    """Sixteen virtual readers behind a pcscd of the tests' own."""
    enter_private_namespace()
    names = [f"Kent test {number}" for number in range(MOST_READERS)]
    with Pcscd(names, directory, answer_timeout_ms=ANSWER_TIMEOUT_MS) as pcscd:
        yield pcscd
