"""The engine, and one session and transaction per request."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from cardservice.direct import Direct
from cardservice.settings import async_url
from identity.executors import Executor

BUSY_SECONDS = 5
AUTOCOMMIT = "AUTOCOMMIT"


class Database:
    """An engine and the sessions made from it.

    SQLite runs in WAL, begins every transaction with BEGIN IMMEDIATE (two requests that read and
    then write take turns instead of failing) and enforces foreign keys.
    """

    def __init__(self, database_url: str, *, pool_size: int = 10) -> None:
        url = async_url(database_url)
        self.on_sqlite = url.get_backend_name() == "sqlite"
        if self.on_sqlite and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            hide_parameters=True,  # an error's text must not tell of people
        )
        if self.on_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_immediate)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._direct = None if self.on_sqlite else Direct(url, self.engine.dialect, size=pool_size)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back by any exception."""
        async with self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one statement that only reads; nothing waits for it, nor it for them."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level=AUTOCOMMIT)

    def statements(self) -> AbstractAsyncContextManager[Executor]:
        """What runs single statements, each committed as it is done, for what many wait for."""
        return self.reading() if self._direct is None else nullcontext(self._direct)

    async def close(self) -> None:
        """Let every connection go."""
        if self._direct is not None:
            await self._direct.close()
        await self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401  (whatever driver)
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",  # an acknowledged tap survives a power cut
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != AUTOCOMMIT:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
