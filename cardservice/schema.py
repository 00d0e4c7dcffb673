"""The database's schema: bring it up, take it down, and say whether it is what the code expects."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import cardservice
import entitlements
import identity
from cardservice.database import AUTOCOMMIT
from cardservice.errors import NoSuchRevision, NotReady

_HERE: Final = Path(__file__).parent
_PLACES: Final = (_HERE / "migrations", _HERE.parent / "migrations")
"""Inside an installed wheel; in the work tree."""


def import_tables() -> None:
    """Import every module that describes tables, so that all of them are known."""
    for package in (identity, entitlements, cardservice):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("models"):
                import_module(module.name)


def migrations() -> Path:
    """The directory of the migrations."""
    return next(place for place in _PLACES if (place / "env.py").is_file())


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring the schema up to a revision, in one transaction.

    Raises:
        NoSuchRevision: no migration leads there.
    """
    await _run(engine, lambda config: command.upgrade(config, revision))


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Take the schema down to a revision, in one transaction; `base` removes everything.

    Raises:
        NoSuchRevision: no migration leads back there.
    """
    await _run(engine, lambda config: command.downgrade(config, revision))


async def current(engine: AsyncEngine) -> str | None:
    """The revision the database is at; None while it is empty."""
    async with engine.connect() as connection:
        reading = await connection.execution_options(isolation_level=AUTOCOMMIT)
        return await reading.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


def knows(revision: str) -> bool:
    """Whether a migration of this version leads to a revision, or on from it."""
    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return revision in {each.revision for each in found}


def head() -> str:
    """The revision the code expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise FileNotFoundError(f"there are no migrations in {migrations()}")
    return revision


async def _run(engine: AsyncEngine, do: Callable[[Config], None]) -> None:
    try:
        async with (
            engine.connect() as connection,
            _references_checked_at_the_end(connection),
            connection.begin(),
        ):
            await connection.run_sync(lambda sync: do(_config(sync)))
            await connection.run_sync(_check_references)
    except CommandError as error:
        raise NoSuchRevision(f"{error}.") from error


@asynccontextmanager
async def _references_checked_at_the_end(connection: AsyncConnection) -> AsyncIterator[None]:
    """On SQLite a table is changed by making it anew: while it is away, rows refer to nothing.

    Source: SQLite, ALTER TABLE, section 7: foreign keys are off outside the transaction, and are
    checked before it ends.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101  (it was just opened)
    await driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        await driver.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection) -> None:
    """Nothing, if every row refers to one that is there; PostgreSQL has seen to it already.

    Raises:
        NotReady: one does not; nothing was changed.
    """
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise NotReady(f"A row of {broken[0]} would refer to nothing. Nothing was changed.")


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
