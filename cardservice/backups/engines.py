"""A database as one file, and a file as a database: SQLite itself, PostgreSQL by its own tools."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import URL

from cardservice.errors import BackupNotMade, NotReady, RestoreRefused

_INSTALLED: Final = Path("/usr/lib/postgresql")
"""Where Debian puts the tools of each major version."""
_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}
_MAJOR: Final = 10_000
"""`server_version_num` of PostgreSQL 15.3 is 150003."""


class Tools(msgspec.Struct, frozen=True):
    """PostgreSQL's own programs, not older than the server."""

    dump: Path
    restore: Path


def copy_sqlite(source: Path, into: Path) -> None:
    """One moment of a database that goes on being used.

    Source: SQLite, Online Backup API.

    Raises:
        BackupNotMade: it cannot be read, or is not sound.
    """
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as found,
            closing(sqlite3.connect(into)) as copy,
        ):
            found.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            check_sqlite(copy)
    except sqlite3.Error as error:
        raise BackupNotMade(f"The database cannot be copied: {error}.") from error


def check_sqlite(database: sqlite3.Connection) -> None:
    """Nothing, if every page and key of it is right.

    Raises:
        BackupNotMade: one is not.
    """
    (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok" or database.execute("PRAGMA foreign_key_check").fetchone():
        raise BackupNotMade(f"The database is damaged: {verdict}.")


def tools_for(server_version: int) -> Tools:
    """PostgreSQL's tools on this machine.

    Args:
        server_version: as the server gives it in `server_version_num`.

    Raises:
        NotReady: there are none, or only older ones.
    """
    major = server_version // _MAJOR
    places = [*_INSTALLED.glob("*/bin"), *_on_path()]
    fit = [(found, place) for place in places if (found := _version(place)) >= major]
    if not fit:
        raise NotReady(
            f"pg_dump and pg_restore of PostgreSQL {major} or newer are not on this machine. "
            f"Install postgresql-client-{major}."
        )
    _, place = min(fit)
    return Tools(place / "pg_dump", place / "pg_restore")


def dump_postgresql(tools: Tools, url: URL, into: Path) -> None:
    """One moment of a database that goes on being used, in pg_dump's own format.

    Raises:
        BackupNotMade: pg_dump refused, or pg_restore cannot read what it wrote.
    """
    command: list[str | Path] = [
        tools.dump,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--file={into}",
    ]
    reading: list[str | Path] = [tools.restore, "--list", into]
    for each in (command, reading):
        if fault := _run(each, environment(url)):
            raise BackupNotMade(f"The database cannot be written down: {fault}")


def restore_postgresql(tools: Tools, url: URL, dump: Path) -> None:
    """Fill an empty database, all or nothing.

    Raises:
        RestoreRefused: pg_restore refused.
    """
    command: list[str | Path] = [
        *(tools.restore, "--single-transaction", "--exit-on-error"),
        *("--no-owner", "--no-privileges", f"--dbname={url.database}", dump),
    ]
    if fault := _run(command, environment(url)):
        raise RestoreRefused(f"The database cannot be filled: {fault}")


def environment(url: URL) -> Mapping[str, str]:
    """How PostgreSQL's tools reach a database: never by arguments, which everybody can see."""
    parts = {name: getattr(url, name) for name in _VARIABLES} | dict(url.query)
    parts = {name: str(value) for name, value in parts.items() if value}
    own = {_VARIABLES[name]: value for name, value in parts.items() if name in _VARIABLES}
    if "ssl" in parts:
        own["PGSSLMODE"] = parts["ssl"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **own}


def _run(command: list[str | Path], env: Mapping[str, str]) -> str:
    """The first line of what a program complains about; nothing if it does not."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return next(iter(done.stderr.strip().splitlines()), f"exit code {done.returncode}")


def _on_path() -> list[Path]:
    found = shutil.which("pg_dump")
    return [Path(found).parent] if found else []


def _version(place: Path) -> int:
    """The major version of the tools in a directory; 0 if there are none."""
    if not all((place / name).exists() for name in ("pg_dump", "pg_restore")):
        return 0
    command: list[str | Path] = [place / "pg_dump", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)", said)
    return int(found.group(1)) if found else 0
