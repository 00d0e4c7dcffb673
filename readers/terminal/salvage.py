"""What is sound in a damaged journal goes into a new one; the damaged file is kept beside it."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from readers.contract.chain import GENESIS
from readers.terminal.errors import JournalFull, JournalUnreadable
from readers.terminal.journal_file import COLUMNS, Row, open_file, rows, transaction
from readers.terminal.reserved import Reserved

log = logging.getLogger(__name__)

LOOKED_THROUGH: Final = 100_000
"""So many numbers below the lowest row found are looked up one by one, and no more."""


class Salvaged(msgspec.Struct, frozen=True):
    """How it went.

    Attributes:
        set_aside: where the damaged file is now.
        saved: how many taps were sound.
    """

    set_aside: Path
    saved: int


def salvage(path: Path, reserved: Reserved) -> Salvaged:
    """Start the journal again with what is sound in it.

    Numbers go on above every one that may ever have been given out.

    Args:
        path: of the journal; nobody may have it open.
        reserved: the numbers that may have been given out.

    Raises:
        JournalFull: there is no room for the new file; the damaged one stays where it is.
    """
    saved = list(_sound_rows(path))
    fresh, aside = _fresh(path), _free_name(path)
    try:
        for suffix in ("", "-wal", "-shm", "-journal"):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
        _write(fresh, saved, reserved.after(saved[-1].sequence if saved else 0))
        path.rename(aside)
        finish(path)
    except (sqlite3.Error, OSError) as error:
        raise JournalFull(
            f"The journal {path} is damaged and cannot be begun anew: {error}."
        ) from error
    log.error("the journal was damaged: %d taps saved, the file kept as %s", len(saved), aside)
    return Salvaged(aside, len(saved))


def finish(path: Path) -> None:
    """Put the new file in its place if the damaged one has gone from it, also after a power cut."""
    fresh = _fresh(path)
    if path.exists() or not fresh.exists():
        return
    for suffix in ("-wal", "-shm"):  # of the damaged file, and poison to the new one
        rest = path.with_name(path.name + suffix)
        if rest.exists():
            rest.rename(_free_name(rest))
    fresh.rename(path)


def _fresh(path: Path) -> Path:
    return path.with_name(path.name + ".salvage")


def _write(fresh: Path, saved: list[Row], start: int) -> None:
    with closing(open_file(fresh)) as db:
        with transaction(db):
            db.executemany(
                f"INSERT INTO taps ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608  our own names
                [msgspec.structs.astuple(row) for row in saved],
            )
            last = saved[-1].link if saved else GENESIS
            db.execute("INSERT INTO start (sequence, link) VALUES (?, ?)", (start, last))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")  # one whole file, so that it can be renamed


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def _sound_rows(path: Path) -> Iterator[Row]:
    """In order; each covered by its own link."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            found = _readable(db)
    except sqlite3.DatabaseError as error:
        log.warning("nothing can be read of the damaged journal: %s", error)
        return
    for sequence in sorted(found):
        try:
            found[sequence].sound_event()
        except JournalUnreadable as damage:
            log.warning("left in the damaged journal: %s", damage)
        else:
            yield found[sequence]


def _readable(db: sqlite3.Connection) -> dict[int, Row]:
    """From both ends towards the damage, then one by one between."""
    upwards = _until_damage(db, "ORDER BY sequence")
    downwards = _until_damage(db, "ORDER BY sequence DESC")
    found = {row.sequence: row for row in (*upwards, *downwards)}
    top = min((row.sequence for row in downwards), default=0)
    bottom = max((row.sequence for row in upwards), default=max(0, top - LOOKED_THROUGH))
    for sequence in range(bottom + 1, top):
        found |= {row.sequence: row for row in _until_damage(db, "WHERE sequence = ?", sequence)}
    return found


def _until_damage(db: sqlite3.Connection, which: str, *values: int) -> list[Row]:
    query = f"SELECT {COLUMNS} FROM taps NOT INDEXED {which}"  # noqa: S608  our own names
    some: list[Row] = []
    try:
        cursor = db.execute(query, values)
        while (one := cursor.fetchone()) is not None:
            try:
                some.extend(rows([one]))
            except JournalUnreadable as damage:
                log.warning("left in the damaged journal: %s", damage)
    except sqlite3.DatabaseError as damage:
        log.debug("as far as the damage: %s", damage)
    return some
