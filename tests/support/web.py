"""A real server on loopback, with an empty SQLite database, for tests of the pages."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import msgspec
import pyotp
import uvicorn
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import schema
from cardservice.app import create_app
from cardservice.database import Database
from cardservice.settings import Settings
from cardservice.web.frontend.build import build
from entitlements import assessing
from identity import accounts, duplicates, outbox, staff, staff_factor
from identity.actors import SYSTEM
from identity.codes import KINDS
from identity.contacts import CodeUse
from identity.details import NewResident
from identity.hashing import Line
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.outbox import Message
from identity.personal import Vault
from identity.staff import PasswordRight
from identity.staff_factor import Offer, Step
from identity.totp import STEP_SECONDS
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
        self,
        url: str,
        settings: Settings,
        keystore: FileKeyStore,
        clock: MovableClock,
        clerk_app: Offer,
    ) -> None:
        self.url = url
        self.settings = settings
        self._apps = {CLERK_USER: clerk_app}
        self.clerk_recovery_codes = clerk_app.recovery_codes
        self.clock = clock
        self.keystore = keystore
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
            await assessing.assess(session, self.vault, account.id, actor=CLERK, now=now)
            return str(account.id)

        return self.do(work)

    def app_code(self, username: str = CLERK_USER) -> str:
        """What somebody's app shows when its next code has come: each is good once."""
        self.clock.move(timedelta(seconds=STEP_SECONDS))
        return pyotp.TOTP(self._apps[username].secret).at(self.clock())

    def add_staff(self, role: StaffRole, name: str = "") -> str:
        """Add a member of staff with an app, named after the role; answers the user name."""
        username, now = name or role.value, self.clock()

        async def work(session: AsyncSession) -> Offer:
            await staff.add(
                session,
                username,
                f"Colleague {username}",
                role,
                CLERK_PASSWORD,
                actor=SYSTEM,
                now=now,
            )
            return await set_app_up(session, self.vault, username, CLERK_PASSWORD, now=now)

        self._apps[username] = self.do(work)
        return username

    def know_app(self, username: str, app: Offer) -> None:
        """Somebody else has set an app up; `app_code` speaks for it from now on."""
        self._apps[username] = app

    def newest_code(self, use: CodeUse = CodeUse.SIGN_IN) -> str:
        """The code in the newest message with one of that use."""
        newest = next(each for each in self.messages() if each.kind == KINDS[use])
        return newest.text.split(" is ")[1].split(".")[0]

    def compare_new_accounts(self) -> None:
        """What the worker does about accounts that may be one person's."""

        async def work(session: AsyncSession) -> int:
            return await duplicates.compare_new(session, self.vault, now=self.clock())

        self.do(work)

    def messages(self) -> tuple[Message, ...]:
        """What was sent, newest first."""

        async def work(session: AsyncSession) -> tuple[Message, ...]:
            return await outbox.messages(session, self.vault)

        return self.do(work)


def aside(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread: the browser's own event loop may be running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def serving(
    directory: Path,
    *,
    demo: bool = False,
    tray_url: str = "",
    screens: str = "",
    line: Line | None = None,
    registers: str = "",
    govuk_pay: tuple[str, str] = ("", Settings().govuk_pay_url),
) -> Iterator[LiveServer]:
    """A server with its own database and one member of staff."""
    build()
    clock = MovableClock()
    begins = _beginning()
    (directory / "kentcard.db").write_bytes(begins.database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        settings = Settings(
            database_url=f"sqlite:///{directory}/kentcard.db",
            base_url=f"http://localhost:{listener.getsockname()[1]}",
            demo=demo,
            tray_url=tray_url,
            demo_screens=screens,
            registers=registers,
            govuk_pay_key_file=govuk_pay[0],
            govuk_pay_url=govuk_pay[1],
        )
        with _answering(create_app(settings, begins.keystore, clock, line=line), listener):
            yield LiveServer(settings.base_url, settings, begins.keystore, clock, begins.clerk_app)


class _Beginning(msgspec.Struct, frozen=True):
    """What every server finds: keys, the clerk's app, and a database that knows both."""

    keystore: FileKeyStore
    clerk_app: Offer
    database: bytes


@cache
def _beginning() -> _Beginning:
    """Made once. Nobody rotates these keys, so that one store serves all; its file is away."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "kentcard.db"
        keystore = FileKeyStore.initialise(
            Path(directory) / "keys", "a passphrase for tests", now=START
        )
        clerk_app = aside(_prepare(f"sqlite:///{path}", Vault(keystore), START))
        return _Beginning(keystore, clerk_app, path.read_bytes())


async def _prepare(database_url: str, vault: Vault, now: datetime) -> Offer:
    """The schema, and a clerk who has set up her app, which is answered."""
    database = Database(database_url)
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
        app = await set_app_up(session, vault, CLERK_USER, CLERK_PASSWORD, now=now)
    await database.close()
    return app


async def set_app_up(
    session: AsyncSession, vault: Vault, username: str, password: str, *, now: datetime
) -> Offer:
    """What somebody does at their first sign-in; answers the app that was offered."""
    right = await staff.check_password(session, vault, username, password, now=now)
    assert isinstance(right, PasswordRight)
    step = await staff_factor.look_up(session, vault, right.token, now=now)
    assert isinstance(step, Step)
    assert step.offer is not None
    code = pyotp.TOTP(step.offer.secret).at(now)
    await staff_factor.confirm_app(session, vault, right.token, code, now=now)
    await staff_factor.finish_set_up(session, vault, right.token, now=now)
    return step.offer


@contextmanager
def _answering(app: Litestar, listener: socket.socket) -> Iterator[None]:
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
    yield
    server.should_exit = True
    thread.join(10)
