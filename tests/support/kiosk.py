"""A terminal of a real server: its loop over virtual cards, its screen, a till beside it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from readers.contract.services import Service
from readers.contract.wire import Purpose
from readers.terminal.enrol import enrol
from readers.terminal.parts import Terminal
from readers.terminal.screen.server import Screen
from readers.terminal.screen.till_door import TILL_PATH
from readers.terminal.server import Server
from readers.terminal.settings import Settings
from readers.terminal.state import State
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand
from tests.support.patience import PATIENCE
from tests.support.server import World

SECRET: Final = "a-secret-of-tests-" + "0123456789" * 3


class Kiosk:
    """What stands at the counter.

    Attributes:
        terminal: enrolled at the server, by the server's clock.
        url: of its screen.
        secret_file: what the till reads.
    """

    def __init__(self, terminal: Terminal, stand: Stand, url: str, secret_file: Path) -> None:
        self.terminal = terminal
        self.url = url
        self.secret_file = secret_file
        self._stand = stand

    async def tap(self, card: VirtualCard, state: str = "accepted") -> None:
        """Lay a card, see the light, lift it."""
        card.reset()
        self._stand.lay(card)
        await asyncio.to_thread(self._stand.seen, state)
        await asyncio.to_thread(self._stand.ended)
        self._stand.lift()

    async def press(self) -> str:
        """Press the button for a pairing code; answers what the screen shows then."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.post(f"{self.url}/pair")
        assert answer.status_code == 303, answer.text
        return self.terminal.board.look()[1].title

    async def token(self) -> str:
        """What the till is given."""
        shown = {"Authorization": f"Bearer {SECRET}"}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.get(self.url + TILL_PATH, headers=shown)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token


@asynccontextmanager
async def kiosk(
    world: World,
    directory: Path,
    services: Sequence[Service] = (Service.LIBRARY,),
    purposes: Sequence[Purpose] = (Purpose.VALIDATE,),
) -> AsyncIterator[Kiosk]:
    """Enrol a terminal, fetch its bundle, and open its reader and its screen."""
    secret_file = directory / "till.secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(SECRET)
    code = await world.new_terminal(directory.name, services=services, purposes=purposes)
    settings = Settings(
        server_url=world.url, state_dir=directory / "terminal", till_secret_file=secret_file
    )
    terminal = await asyncio.to_thread(_enrolled, settings, world, code)
    stand, screen = (
        Stand(terminal),
        Screen(terminal.board, 0, show_code=terminal.show_code, counter=terminal.counter),
    )
    screen.start()
    try:
        await asyncio.to_thread(stand.start)
        yield Kiosk(terminal, stand, f"http://localhost:{screen.port}", secret_file)
    finally:
        await asyncio.to_thread(stand.reader.stop)
        await asyncio.to_thread(screen.stop)
        await asyncio.to_thread(terminal.close)


def _enrolled(settings: Settings, world: World, code: str) -> Terminal:
    client = Server(settings.server_url, None)
    enrol(State(settings.state_dir), client, code)
    client.close()
    terminal = Terminal(settings, clock=world.clock)
    terminal.sync.once()
    return terminal
