"""A desk's terminal in this process, at a reader behind the tests' pcscd, by the server's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import terminals
from cardservice.terminals import Role
from identity.actors import SYSTEM
from readers.contract.services import Service
from readers.contract.wire import Purpose
from readers.pcsc.channel import connect
from readers.pcsc.monitor import Monitor
from readers.terminal.enrol import enrol
from readers.terminal.loop import Readers
from readers.terminal.parts import Terminal
from readers.terminal.screen.server import Screen
from readers.terminal.server import Server
from readers.terminal.settings import Settings
from readers.terminal.state import State
from tests.support.patience import eventually
from tests.support.web import LiveServer


class Desk:
    """What stands before the clerk.

    Attributes:
        url: of the terminal's own screen.
    """

    def __init__(self, terminal: Terminal, url: str) -> None:
        self.terminal = terminal
        self.url = url

    def code(self) -> str:
        """Press the button and read the code."""
        httpx.post(f"{self.url}/pair", trust_env=False)
        title = self.terminal.board.look()[1].title
        assert len(title) == len("K7Q-4MX"), title
        return title

    def shows(self, state: str) -> None:
        """Wait until the screen shows it."""
        eventually(lambda: self.terminal.board.look()[1].state == state)


@contextmanager
def desk_terminal(
    live: LiveServer,
    reader: str,
    directory: Path,
    *,
    name: str = "Desk 4",
    purposes: tuple[Purpose, ...] = (Purpose.PERSONALISE, Purpose.VALIDATE),
) -> Iterator[Desk]:
    """Enrol it, fetch its bundle, and open its reader and its screen."""

    async def new_code(session: AsyncSession) -> str:
        role = Role(
            name=name, place="Maidstone Gateway", services=(Service.LIBRARY,), purposes=purposes
        )
        made = await terminals.create(session, role, actor=SYSTEM, now=live.clock())
        return await terminals.new_code(session, made.id, actor=SYSTEM, now=live.clock())

    settings = Settings(server_url=live.url, state_dir=directory / name, reader=reader)
    client = Server(live.url, None)
    enrol(State(settings.state_dir), client, live.do(new_code))
    client.close()
    terminal = Terminal(settings, clock=live.clock)
    terminal.sync.once()
    readers = Readers(terminal, connect)
    monitor, screen = (
        Monitor(readers.handle),
        Screen(terminal.board, 0, show_code=terminal.show_code),
    )
    screen.start()
    terminal.sync.start()
    monitor.start()
    try:
        desk = Desk(terminal, f"http://localhost:{screen.port}")
        desk.shows("waiting")
        yield desk
    finally:
        monitor.stop()
        readers.stop()
        terminal.sync.stop()
        screen.stop()
        terminal.close()
