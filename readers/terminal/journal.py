"""Every decided tap, written down before the light and kept until the server has it.

One SQLite file. WAL with ``synchronous=FULL`` costs one sync to disk per tap, a rollback journal
three; both survive a power cut. Each row carries a link that covers it and the link before, so that
a row that was changed, put in or taken out is noticed, here and at the server.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from readers.contract.chain import GENESIS, link
from readers.contract.wire import TapEvent
from readers.terminal.errors import JournalFull, JournalUnreadable
from readers.terminal.journal_file import (
    BUSY_SECONDS,
    COLUMNS,
    Shown,
    check_chain,
    check_file,
    damage_named,
    open_file,
    rows,
    transaction,
)
from readers.terminal.reserved import Reserved
from readers.terminal.salvage import finish, salvage

log = logging.getLogger(__name__)

RETENTION: Final = timedelta(hours=24)
"""How long a tap stays here after the server confirmed that it holds it."""

T = TypeVar("T")


class Counts(msgspec.Struct, frozen=True):
    """How many taps were ever decided here, and how many of them the server has confirmed.

    Numbers that were skipped after damage count as decided, because they may have been.
    """

    taps: int
    uploaded: int


def look(path: Path) -> Counts:
    """Whether a journal is sound, and its counts; nothing in it is changed.

    Raises:
        JournalUnreadable: it is damaged.
        JournalFull: it cannot be read now.
    """
    try:
        with damage_named(), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            check_file(db)
            return counted(db)
    except sqlite3.Error as error:
        raise JournalFull(f"The journal {path} cannot be read: {error}.") from error


def send_again(path: Path) -> int:
    """Have every tap that is kept handed over once more, also beside a terminal that runs.

    For a server whose database was restored: it stores what it has already no second time.

    Returns:
        How many will be.

    Raises:
        JournalUnreadable: there is no journal, or it cannot be changed now.
    """
    try:
        with (
            closing(
                sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS
                )
            ) as db,
            db,
        ):
            return db.execute(
                "UPDATE taps SET uploaded_at = NULL WHERE uploaded_at IS NOT NULL"
            ).rowcount
    except sqlite3.Error as error:
        raise JournalUnreadable(f"The journal {path} cannot be changed: {error}.") from error


def counted(db: sqlite3.Connection) -> Counts:
    """The counts of an open journal."""
    (waiting,) = db.execute("SELECT count(*) FROM taps WHERE uploaded_at IS NULL").fetchone()
    (last,) = db.execute("SELECT coalesce(max(sequence), 0) FROM taps").fetchone()
    return Counts(last, last - waiting)


class Journal:
    """May be used by several threads of one process; each call is one transaction.

    A file found damaged, when it is opened or later, is set aside, and the journal goes on with
    what was sound in it. An answer that was written down and never noted as shown before the file
    was opened is uploaded as not shown.

    Attributes:
        path: of the file.

    Raises:
        JournalFull: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._reserved = Reserved(path.with_name(path.name + ".reserved"))
        self._noted_late: dict[int, int] = {}
        with self._reported():
            finish(path)
            self._db = self._open()
        try:
            self._mended(self._begin)
        except BaseException:
            self._db.close()
            raise

    def append(self, event_for: Callable[[int], TapEvent]) -> TapEvent:
        """Write a tap down; when this returns, it survives a power cut.

        Args:
            event_for: makes the event, once its sequence number is known.

        Raises:
            JournalFull: it was not written, and nothing written before is lost.
        """
        with self._lock:
            return self._mended(lambda: self._append(event_for))

    def note_shown(self, sequence: int, *, shown: bool) -> None:
        """Note whether the answer was put on the screen; the tap is uploaded from then on.

        It is not forced to disk: lost in a power cut, the tap counts as not shown. What cannot be
        written now is written with the next upload.
        """
        with self._lock:
            self._noted_late[sequence] = Shown.YES if shown else Shown.NEVER
            try:
                self._mended(self._note_late)
            except JournalFull as error:
                log.warning("whether tap %d was shown is noted later: %s", sequence, error)

    def pending(self, *, after: int = 0, limit: int) -> list[TapEvent]:
        """Taps the server has not confirmed, from the first with a sequence above ``after``."""
        with self._lock:
            return self._mended(lambda: self._pending(after, limit))

    def mark_uploaded(self, sequences: Iterable[int], *, now: datetime) -> None:
        """Note that the server holds these, and forget what it has held for :data:`RETENTION`.

        The newest tap always stays, so that numbers and links go on from it.
        """
        held = list(sequences)
        with self._lock:
            self._mended(lambda: self._mark_uploaded(held, int(now.timestamp())))

    def counts(self) -> Counts:
        """How many taps, and how many of them are safe at the server."""
        with self._lock:
            return self._mended(self._counts)

    def close(self) -> None:
        """Close the file; what was appended is safe without this."""
        with self._lock:
            self._db.close()

    def _append(self, event_for: Callable[[int], TapEvent]) -> TapEvent:
        with transaction(self._db):
            last, previous = self._last()
            event = event_for(last + 1)
            self._reserved.cover(event.sequence)
            self._db.execute(
                f"INSERT INTO taps ({COLUMNS}) VALUES (?, ?, NULL, ?, ?, ?)",  # noqa: S608  our own names
                (
                    event.sequence,
                    msgspec.json.encode(event).decode(),
                    previous,
                    link(previous, event),
                    Shown.NOT_YET,
                ),
            )
        return event

    def _note_late(self) -> None:
        if not self._noted_late:
            return
        self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            with transaction(self._db):
                self._db.executemany(
                    "UPDATE taps SET shown = ? WHERE sequence = ? AND shown = 0",
                    [(shown, sequence) for sequence, shown in self._noted_late.items()],
                )
        finally:
            self._db.execute("PRAGMA synchronous = FULL")
        self._noted_late.clear()

    def _pending(self, after: int, limit: int) -> list[TapEvent]:
        try:
            self._note_late()
        except sqlite3.OperationalError as error:  # a full disk keeps nothing from being uploaded
            log.warning("what was shown is noted later: %s", error)
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM taps "  # noqa: S608  our own names
            "WHERE uploaded_at IS NULL AND shown IS NOT 0 AND sequence > ? "
            "ORDER BY sequence LIMIT ?",
            (after, limit),
        ).fetchall()
        return [row.tap() for row in rows(found)]

    def _mark_uploaded(self, held: list[int], seconds: int) -> None:
        with transaction(self._db):
            self._db.executemany(
                "UPDATE taps SET uploaded_at = ? WHERE sequence = ? AND uploaded_at IS NULL",
                [(seconds, sequence) for sequence in held],
            )
            self._db.execute(
                "DELETE FROM taps WHERE uploaded_at < ? "
                "AND sequence < (SELECT max(sequence) FROM taps)",
                (seconds - int(RETENTION.total_seconds()),),
            )

    def _counts(self) -> Counts:
        return counted(self._db)

    def _last(self) -> tuple[int, bytes]:
        """The highest number that was given out, and the link the next row follows."""
        row = self._db.execute(
            "SELECT sequence, link FROM taps ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        start = self._db.execute("SELECT sequence, link FROM start").fetchone()
        if row is None:
            return start or (0, GENESIS)
        return max(row[0], start[0] if start else 0), row[1]

    def _open(self) -> sqlite3.Connection:
        try:
            db = open_file(self.path)
        except JournalUnreadable as damage:
            log.warning("%s", damage)
            salvage(self.path, self._reserved)
            db = open_file(self.path)
        return db

    def _begin(self) -> None:
        check_chain(self._db)
        cut_short = self._db.execute("SELECT sequence FROM taps WHERE shown = 0").fetchall()
        self._noted_late = {sequence: Shown.NEVER for (sequence,) in cut_short}

    def _mended(self, work: Callable[[], T]) -> T:
        """Do it; if the file proves damaged, once more with what was sound in it."""
        with self._reported():
            try:
                with damage_named():
                    return work()
            except JournalUnreadable as damage:
                log.warning("%s", damage)
                self._db.close()
                salvage(self.path, self._reserved)
                self._db = open_file(self.path)
                with damage_named():
                    return work()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalFull(f"The journal {self.path} cannot be written: {error}.") from error
