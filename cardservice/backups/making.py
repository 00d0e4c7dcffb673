"""Makes a backup: the database first, then the key store, sealed, and read again before it counts.

The key store is copied last: keys are only ever added to it, so it opens whatever the copy of the
database holds, even if a key was rotated meanwhile.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from sqlalchemy import URL, make_url

from cardservice.backups import archive, engines
from cardservice.backups.archive import DATABASE, KEYS, Manifest
from cardservice.backups.sealing import Opener, Passphrase, Recipient, Sealer
from cardservice.errors import BackupNotMade
from cardservice.settings import Settings

_NAME: Final = "kentcard-{:%Y%m%dT%H%M%SZ}.backup"


class Stand(msgspec.Struct, frozen=True):
    """What is known of the database before it is copied.

    Attributes:
        checkpoint: where its audit trail ended, signed.
        revision: of its schema.
        server_version: of PostgreSQL; 0 for SQLite.
        keys: names of the keys in the key store.
    """

    checkpoint: str
    revision: str
    server_version: int
    keys: tuple[str, ...]


def make(
    settings: Settings,
    stand: Stand,
    target: Path,
    to: Passphrase | Recipient,
    *,
    now: datetime,
) -> Path:
    """Make a backup and answer where it is. It is there whole, or not at all.

    Args:
        settings: where database and key store are.
        stand: taken just before.
        target: a file that is not there yet, or a directory in which one is named after the time.
        to: who may open it.
        now: when.

    Raises:
        BackupNotMade: there is something at the target, or the copy is not what it should be.
        NotReady: PostgreSQL's tools are not here.
    """
    path = target / _NAME.format(now) if target.is_dir() else target
    if path.exists():
        raise BackupNotMade(f"There is something at {path}; it was not touched.")
    with _room_beside(path) as room:
        files = {DATABASE: room / DATABASE, KEYS: room / KEYS}
        url = make_url(settings.database_url)
        _copy_database(url, stand, files[DATABASE])
        files[KEYS].write_bytes(Path(settings.keys).read_bytes())
        manifest = _manifest(stand, files, now)
        sealed = room / "sealed"
        key = _seal(sealed, manifest, files, to)
        _read_again(sealed, manifest, to if isinstance(to, Passphrase) else key)
        try:
            os.link(sealed, path)  # unlike a rename, it overwrites nothing
        except FileExistsError as error:
            raise BackupNotMade(f"There is something at {path}; it was not touched.") from error
    _sync(path.parent)
    return path


def _copy_database(url: URL, stand: Stand, into: Path) -> None:
    if stand.server_version:
        engines.dump_postgresql(engines.tools_for(stand.server_version), url, into)
    else:
        engines.copy_sqlite(Path(str(url.database)), into)


def _manifest(stand: Stand, files: dict[str, Path], now: datetime) -> Manifest:
    return Manifest(
        format=archive.FORMAT,
        made_at=now,
        version=metadata.version("kent-card"),
        engine="postgresql" if stand.server_version else "sqlite",
        revision=stand.revision,
        checkpoint=stand.checkpoint,
        keys=stand.keys,
        members={name: archive.measure(path) for name, path in files.items()},
    )


def _seal(
    sealed: Path, manifest: Manifest, files: dict[str, Path], to: Passphrase | Recipient
) -> bytes:
    descriptor = os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        sealer = Sealer(file, to)
        archive.write(sealer, manifest, files)
        file.flush()
        os.fsync(file.fileno())
    return sealer.key


def _read_again(sealed: Path, manifest: Manifest, by: Passphrase | bytes) -> None:
    """A backup that was never opened is a hope."""
    with sealed.open("rb") as file:
        if archive.read(Opener(file, by), None) != manifest:
            raise BackupNotMade("The backup does not say what was written into it.")


@contextmanager
def _room_beside(path: Path) -> Iterator[Path]:
    """A directory that only we can look into, on the disk where the backup will be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".kentcard-backup-") as room:
            yield Path(room)
    except OSError as error:
        raise BackupNotMade(
            f"{error.filename or path}: the backup cannot be written ({error.strerror})."
        ) from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
