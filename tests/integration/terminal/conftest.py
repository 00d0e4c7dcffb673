"""A server of the tests' own, an enrolled terminal, and a card to lay on its reader."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from readers.card.channel import CardArrived, CardLeft, Channel, ReaderAppeared
from readers.contract.services import Service
from readers.contract.wire import TapEvent
from readers.errors import CardRemoved
from readers.terminal.enrol import enrol
from readers.terminal.loop import ReaderThread
from readers.terminal.parts import Terminal
from readers.terminal.server import Server
from readers.terminal.settings import Settings
from readers.terminal.state import State
from tests.support.issuer import NOW, Issuer
from tests.support.tiny_server import CODE, TinyServer

READER = "Virtual Reader 00 00"


class Stand:
    """A terminal with a reader on which cards are laid by hand."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.card: Channel | None = None
        self.reader = ReaderThread(terminal, READER, self.connect)
        self.before = 0
        self.served = threading.Event()

    @contextmanager
    def connect(self, reader: str) -> Iterator[Channel]:
        assert reader == READER
        if self.card is None:
            raise CardRemoved("no card is there")
        try:
            yield self.card
        finally:
            self.served.set()

    def start(self) -> None:
        self.reader.start()
        self.before = self.terminal.board.look()[0]
        self.reader.tell(ReaderAppeared(READER))
        self.seen("waiting", "fault")

    def lay(self, card: Channel) -> None:
        self.card = card
        self.served.clear()
        self.before = self.terminal.board.look()[0]
        self.reader.tell(CardArrived(READER))

    def lift(self) -> None:
        self.card = None
        self.reader.tell(CardLeft(READER))

    def ended(self) -> None:
        """Wait until the terminal has let go of the card."""
        assert self.served.wait(30)

    def taps(self) -> list[TapEvent]:
        """What the server has not confirmed, once the terminal has let go of the card."""
        self.ended()
        return self.terminal.journal.pending(limit=9)

    def seen(self, *states: str) -> dict[str, object]:
        """Wait until one of ``states`` comes up on the screen, later than the card was laid."""
        version, shown = self.terminal.board.look()
        for _ in range(20):
            if shown.state in states and version > self.before:
                return {"state": shown.state, "reason": shown.reason, "title": shown.title}
            version, shown = self.terminal.board.wait(version, 0.5)
        raise AssertionError(f"none of {states} came up, but {shown}")


class Ticking:
    """A clock that stands still unless it is told."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[TinyServer]:
    with TinyServer(issuer, Service.TRAVEL, now=NOW) as tiny:
        yield tiny


@pytest.fixture
def clock() -> Ticking:
    return Ticking(NOW)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def enrolled(server: TinyServer, state: State) -> State:
    client = Server(server.url, None)
    enrol(state, client, CODE)
    client.close()
    return state


@pytest.fixture
def open_terminal(
    server: TinyServer, enrolled: State, clock: Ticking
) -> Iterator[Callable[[], Terminal]]:
    opened: list[Terminal] = []

    def opening() -> Terminal:
        settings = Settings(server_url=server.url, state_dir=enrolled.directory)
        opened.append(Terminal(settings, clock=clock))
        return opened[-1]

    yield opening
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[[], Terminal]) -> Terminal:
    """Enrolled, and in touch with the server once."""
    opened = open_terminal()
    opened.sync.once()
    return opened


@pytest.fixture
def stand(terminal: Terminal) -> Iterator[Stand]:
    standing = Stand(terminal)
    standing.start()
    yield standing
    standing.reader.stop()
