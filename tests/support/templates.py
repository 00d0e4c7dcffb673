"""Databases for tests: each is a copy of one that was prepared once, which is quicker than anew."""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from cardservice import schema
from cardservice.database import Database

_PREPARED: Final[dict[tuple[str, str], str]] = {}
_NUMBERS: Final = itertools.count(1)


@asynccontextmanager
async def copy_of(
    url: str, what: str, prepare: Callable[[Database], Awaitable[None]]
) -> AsyncIterator[str]:
    """The URL of a database of one's own, gone afterwards.

    Args:
        url: of an empty database on the same engine; it stays empty.
        what: names what is prepared; the same words mean the same database.
        prepare: fills it, when it is the first of its kind here.
    """
    engine = _File if url.startswith("sqlite") else _Server
    if (url, what) not in _PREPARED:
        template = await engine.new(url, f"prepared_{sha256(what.encode()).hexdigest()[:12]}")
        database = Database(template)
        await prepare(database)
        await database.close()
        _PREPARED[url, what] = template
    own = await engine.new(url, f"copy_{next(_NUMBERS)}", _PREPARED[url, what])
    try:
        yield own
    finally:
        await engine.drop(own, url)


@asynccontextmanager
async def migrated_copy(url: str) -> AsyncIterator[str]:
    """The same with every table, made by the migrations."""

    async def prepare(database: Database) -> None:
        await schema.upgrade(database.engine)

    async with copy_of(url, "the newest schema", prepare) as copy:
        yield copy


class _File:
    """SQLite: files beside the one that was named."""

    @staticmethod
    async def new(url: str, name: str, template: str = "") -> str:
        path = Path(str(make_url(url).database))
        own = path.with_name(f"{path.stem}-{name}.db")
        if template:
            shutil.copyfile(str(make_url(template).database), own)
        return make_url(url).set(database=str(own)).render_as_string(hide_password=False)

    @staticmethod
    async def drop(url: str, _beside: str) -> None:
        own = str(make_url(url).database)
        for end in ("", "-wal", "-shm"):
            Path(own + end).unlink(missing_ok=True)  # noqa: ASYNC240  (quick, and a test waits)


class _Server:
    """PostgreSQL: databases of the same cluster."""

    @staticmethod
    async def new(url: str, name: str, template: str = "") -> str:
        source = f"TEMPLATE {make_url(template).database}" if template else ""
        await _run(url, f"CREATE DATABASE {name} {source}")
        return make_url(url).set(database=name).render_as_string(hide_password=False)

    @staticmethod
    async def drop(url: str, beside: str) -> None:
        await _run(beside, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


async def _run(url: str, statement: str) -> None:
    database = Database(url)
    async with database.reading() as connection:
        await connection.exec_driver_sql(statement)
    await database.close()
