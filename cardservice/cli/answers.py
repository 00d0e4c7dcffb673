"""How commands speak: exit codes, lines and JSON."""

import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path

import msgspec

from cardservice import schema
from cardservice.database import Database
from cardservice.errors import NotReady
from cardservice.settings import Settings, load_settings
from readers.clock import Clock, clock_from_environment


class Exit(IntEnum):
    """What a script may rely on."""

    DONE = 0
    NO = 1
    USAGE = 2
    FAULT = 3


class Surroundings(msgspec.Struct, frozen=True):
    """What every command is given: the only place that reads the environment."""

    settings: Settings
    clock: Clock


def surroundings(config: Path | None) -> Surroundings:
    """Settings and clock of this process.

    Raises:
        SettingsFaulty: with every fault.
        ClockRefused: simulated time outside demo mode.
    """
    settings = load_settings(os.environ, config=config)
    return Surroundings(settings, clock_from_environment(os.environ, demo=settings.demo))


def say(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(f"{line}\n")


def complain(lines: str) -> None:
    """What is wrong, on standard error."""
    for line in lines.splitlines():
        sys.stderr.write(f"kentcard: {line}\n")


def say_json(data: object) -> None:
    """The answer as JSON."""
    say(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


def say_json_line(data: object) -> None:
    """One line of an answer in JSON Lines."""
    say(msgspec.json.encode(data).decode())


def say_table(rows: Iterable[Iterable[str]]) -> None:
    """Rows in columns."""
    table = [tuple(row) for row in rows]
    if not table:
        return
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database, which must be at the schema of this version.

    Raises:
        NotReady: it is not.
    """
    database = Database(settings.database_url)
    try:
        if await schema.current(database.engine) != schema.head():
            raise NotReady("The database is not at this version. Run: kentcard db upgrade")
        yield database
    finally:
        await database.close()
