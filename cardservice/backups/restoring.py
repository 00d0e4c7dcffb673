"""Makes database and key store of a backup again, and overwrites nothing.

What does not fit, or is not whole, is refused before anything is changed.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from sqlalchemy import URL, inspect, make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import leaps, schema, taps
from cardservice.backups import archive, engines
from cardservice.backups.archive import DATABASE, KEYS, Manifest
from cardservice.backups.sealing import Identity, Opener, Passphrase
from cardservice.database import Database
from cardservice.errors import BackupDamaged, RestoreRefused
from cardservice.leaps import Leapt
from cardservice.settings import Settings
from identity import checkpoints
from identity.actors import SYSTEM
from identity.audit_check import Broken, verify
from identity.keys import KeyStore


class Restored(msgspec.Struct, frozen=True):
    """What was made again.

    Attributes:
        manifest: of the backup.
        leapt: what was moved on.
    """

    manifest: Manifest
    leapt: Leapt


def restore(
    settings: Settings,
    backup: Path,
    by: Passphrase | Identity,
    open_keys: Callable[[Path], KeyStore],
    *,
    now: datetime,
) -> Restored:
    """Make database and key store again at the places of the settings, where nothing may be.

    Args:
        settings: where database and key store shall be.
        backup: the file.
        by: what opens it.
        open_keys: opens the key store at a path, with its own passphrase.
        now: when.

    Raises:
        BackupDamaged: it is not whole.
        BackupNotOpened: another passphrase or key opens it.
        KeyStoreError: the key store's own passphrase does not open the key store in it.
        RestoreRefused: it does not fit, or there is something at one of the places.
    """
    url, keys = make_url(settings.database_url), Path(settings.keys)
    _refuse_to_overwrite(url, keys)
    with _room(url, keys) as room, backup.open("rb") as file:
        manifest = archive.read(Opener(file, by), room)
        _refuse_misfit(manifest, url)
        keystore = open_keys(room / KEYS)
        if manifest.engine == "sqlite":
            leapt = _sqlite(room / DATABASE, Path(str(url.database)), keystore, manifest, now)
        else:
            leapt = _postgresql(room / DATABASE, url, keystore, manifest, now)
        _put(room / KEYS, keys)
    return Restored(manifest, leapt)


def _refuse_to_overwrite(url: URL, keys: Path) -> None:
    places = [keys]
    if url.get_backend_name() == "sqlite":
        places += [Path(f"{url.database}{end}") for end in ("", "-wal", "-shm")]
    for place in places:
        if place.exists():
            raise RestoreRefused(f"There is something at {place}. Move it away first.")
    if url.get_backend_name() != "sqlite" and (found := asyncio.run(_tables(url))):
        raise RestoreRefused(
            f"The database {url.database} is not empty ({found[0]} is in it). Restore into one "
            "that is: createdb makes it."
        )


def _refuse_misfit(manifest: Manifest, url: URL) -> None:
    if manifest.format != archive.FORMAT:
        raise RestoreRefused(f"The backup is of format {manifest.format}, which is not known here.")
    if manifest.engine != url.get_backend_name():
        raise RestoreRefused(
            f"The backup is of {manifest.engine}; KENTCARD_DATABASE_URL names "
            f"{url.get_backend_name()}."
        )
    if not schema.knows(manifest.revision):
        raise RestoreRefused(
            f"The backup was made by Kent Card {manifest.version}, whose schema "
            f"{manifest.revision} is newer than this version's. Install that one."
        )


def _sqlite(
    file: Path, target: Path, keystore: KeyStore, manifest: Manifest, now: datetime
) -> Leapt:
    """All is done on the file; only then is it put in its place."""
    with closing(sqlite3.connect(file)) as database:
        engines.check_sqlite(database)
    leapt = asyncio.run(_bring_up(f"sqlite:///{file}", keystore, manifest, now))
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    _put(file, target)
    return leapt


def _postgresql(
    dump: Path, url: URL, keystore: KeyStore, manifest: Manifest, now: datetime
) -> Leapt:
    tools = engines.tools_for(asyncio.run(server_version(url)))
    engines.restore_postgresql(tools, url, dump)
    try:
        return asyncio.run(
            _bring_up(url.render_as_string(hide_password=False), keystore, manifest, now)
        )
    except BaseException:
        asyncio.run(_empty(url))
        raise


async def _bring_up(url: str, keystore: KeyStore, manifest: Manifest, now: datetime) -> Leapt:
    """Bring the schema up, check the audit trail against the backup's own checkpoint, move on."""
    database = Database(url)
    try:
        await schema.upgrade(database.engine)
        kept = [checkpoints.from_line(manifest.checkpoint)]
        async with database.reading() as connection, AsyncSession(connection) as session:
            found = await verify(session, keystore, streams=[taps.STREAM], checkpoints=kept)
        if isinstance(found, Broken):
            raise BackupDamaged(f"The audit trail in the backup is not whole. {found.words}")
        async with database.transaction() as session:
            return await leaps.leap(session, made_at=manifest.made_at, actor=SYSTEM, now=now)
    finally:
        await database.close()


async def server_version(url: URL) -> int:
    """PostgreSQL's `server_version_num`."""
    database = Database(url.render_as_string(hide_password=False))
    try:
        async with database.reading() as connection:
            return int((await connection.scalar(text("SHOW server_version_num"))) or 0)
    finally:
        await database.close()


async def _tables(url: URL) -> list[str]:
    database = Database(url.render_as_string(hide_password=False))
    try:
        async with database.reading() as connection:
            return await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    finally:
        await database.close()


async def _empty(url: URL) -> None:
    """Take away what was filled in: before it there was nothing."""
    database = Database(url.render_as_string(hide_password=False))
    try:
        await schema.downgrade(database.engine, "base")
        async with database.engine.begin() as connection:
            await connection.execute(text("DROP TABLE alembic_version"))
    finally:
        await database.close()


@contextmanager
def _room(url: URL, keys: Path) -> Iterator[Path]:
    """A directory that only we can look into, on the disk where the database will be."""
    on_file = url.get_backend_name() == "sqlite"
    beside = (Path(str(url.database)) if on_file else keys).parent
    for directory in (beside, keys.parent):
        directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=beside, prefix=".kentcard-restore-") as room:
        yield Path(room)


def _put(file: Path, target: Path) -> None:
    """Copy a file to its place, whole or not at all; nobody else may read it."""
    beside = target.with_name(f".{target.name}.restored")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as copy, file.open("rb") as source:
            while block := source.read(1024 * 1024):
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        os.link(beside, target)  # unlike a rename, it overwrites nothing
    finally:
        beside.unlink()
