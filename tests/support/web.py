"""A real server on loopback, with an empty SQLite database, for tests of the pages."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import uvicorn
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import schema
from cardservice.app import create_app
from cardservice.database import Database
from cardservice.settings import Settings
from cardservice.web.frontend.build import build
from entitlements import applications
from identity import accounts, outbox, staff
from identity.actors import SYSTEM
from identity.details import NewResident
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.personal import Vault
from tests.support.people import CLERK

CLERK_NAME: Final = "Priya Shah"
CLERK_USER: Final = "priya"
CLERK_PASSWORD: Final = "a long enough pass phrase for tests"
START: Final = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
READY_SECONDS: Final = 20.0

T = TypeVar("T")


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        """The time."""
        return self.moment

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.moment += by


class LiveServer:
    """A server that answers, and the ways a test prepares what it finds there."""

    def __init__(
        self, url: str, settings: Settings, keystore: FileKeyStore, clock: MovableClock
    ) -> None:
        self.url = url
        self.settings = settings
        self.clock = clock
        self.vault = Vault(keystore)

    def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Do something in one transaction, beside the server."""

        async def run() -> T:
            database = Database(self.settings.database_url)
            try:
                async with database.transaction() as session:
                    return await work(session)
            finally:
                await database.close()

        return aside(run())

    def register(self, details: NewResident) -> str:
        """Register a resident and decide for them; answers the account's id."""

        async def work(session: AsyncSession) -> str:
            now = self.clock()
            account = await accounts.register(session, self.vault, details, actor=CLERK, now=now)
            await applications.assess(session, self.vault, account.id, actor=CLERK, now=now)
            return str(account.id)

        return self.do(work)

    def add_staff(self, role: StaffRole, name: str = "") -> str:
        """Add a member of staff, named after the role; answers the user name."""
        username = name or role.value

        async def work(session: AsyncSession) -> str:
            added = await staff.add(
                session,
                username,
                f"Colleague {username}",
                role,
                CLERK_PASSWORD,
                actor=SYSTEM,
                now=self.clock(),
            )
            return added.username

        return self.do(work)

    def newest_code(self) -> str:
        """The sign-in code in the newest message."""

        async def work(session: AsyncSession) -> str:
            newest = (await outbox.messages(session, self.vault, most=1))[0]
            return newest.text.split("code is ")[1].split(".")[0]

        return self.do(work)


def aside(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread: the browser's own event loop may be running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def serving(
    directory: Path, *, demo: bool = False, tray_url: str = "", screens: str = ""
) -> Iterator[LiveServer]:
    """A server with its own database, key store and one member of staff."""
    build()
    settings = Settings(
        database_url=f"sqlite:///{directory}/kentcard.db",
        demo=demo,
        tray_url=tray_url,
        demo_screens=screens,
    )
    clock = MovableClock()
    keystore = FileKeyStore.initialise(directory / "keys", "a passphrase for tests", now=clock())
    aside(_prepare(settings, clock()))
    with _listening(create_app(settings, keystore, clock)) as url:
        yield LiveServer(url, settings, keystore, clock)


async def _prepare(settings: Settings, now: datetime) -> None:
    database = Database(settings.database_url)
    await schema.upgrade(database.engine)
    async with database.transaction() as session:
        await staff.add(
            session,
            CLERK_USER,
            CLERK_NAME,
            StaffRole.CARD_OFFICER,
            CLERK_PASSWORD,
            actor=SYSTEM,
            now=now,
        )
    await database.close()


@contextmanager
def _listening(app: Litestar) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", lifespan="on", server_header=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + READY_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise AssertionError("The server did not start.")
            time.sleep(0.02)
        yield f"http://localhost:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
