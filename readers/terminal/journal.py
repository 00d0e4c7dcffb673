"""Every decided tap, written down before the light and kept until the server has it.

One SQLite file. WAL with ``synchronous=FULL`` costs one sync to disk per tap, a rollback journal
three; both survive a power cut.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from readers.contract.wire import TapEvent
from readers.terminal.errors import JournalFull, JournalUnreadable

RETENTION: Final = timedelta(hours=24)
"""How long a tap stays here after the server confirmed that it holds it."""

BUSY_SECONDS: Final = 2.0

_SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS taps (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    event TEXT NOT NULL,
    uploaded_at INTEGER
) STRICT
""",
    "CREATE INDEX IF NOT EXISTS waiting ON taps (sequence) WHERE uploaded_at IS NULL",
)


class Counts(msgspec.Struct, frozen=True):
    """How many taps were ever decided here, and how many of them the server has confirmed."""

    taps: int
    uploaded: int


class Journal:
    """May be used by several threads; each call is one transaction.

    Attributes:
        path: of the file.

    Raises:
        JournalUnreadable: the file exists and is no sound journal.
        JournalFull: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with self._reported():
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
        try:
            with self._reported():
                self._prepare()
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
        try:
            with self._lock, self._transaction():
                event = event_for(self._last() + 1)
                self._db.execute(
                    "INSERT INTO taps (sequence, event) VALUES (?, ?)",
                    (event.sequence, msgspec.json.encode(event).decode()),
                )
        except sqlite3.Error as error:
            raise JournalFull(f"The tap could not be written down: {error}.") from error
        return event

    def pending(self, *, after: int = 0, limit: int) -> list[TapEvent]:
        """Taps the server has not confirmed, from the first with a sequence above ``after``."""
        with self._lock, self._reported():
            rows = self._db.execute(
                "SELECT event FROM taps WHERE uploaded_at IS NULL AND sequence > ? "
                "ORDER BY sequence LIMIT ?",
                (after, limit),
            ).fetchall()
        return [msgspec.json.decode(event, type=TapEvent) for (event,) in rows]

    def mark_uploaded(self, sequences: Iterable[int], *, now: datetime) -> None:
        """Note that the server holds these, and forget what it has held for :data:`RETENTION`.

        The newest tap always stays, so that numbers go on without a gap.
        """
        seconds = int(now.timestamp())
        with self._lock, self._reported(), self._transaction():
            self._db.executemany(
                "UPDATE taps SET uploaded_at = ? WHERE sequence = ? AND uploaded_at IS NULL",
                [(seconds, sequence) for sequence in sequences],
            )
            self._db.execute(
                "DELETE FROM taps WHERE uploaded_at < ? AND sequence < ?",
                (seconds - int(RETENTION.total_seconds()), self._last()),
            )

    def counts(self) -> Counts:
        """How many taps, and how many of them are safe at the server."""
        with self._lock, self._reported():
            (waiting,) = self._db.execute(
                "SELECT count(*) FROM taps WHERE uploaded_at IS NULL"
            ).fetchone()
            taps = self._last()
        return Counts(taps, taps - waiting)

    def close(self) -> None:
        """Close the file; what was appended is safe without this."""
        with self._lock:
            self._db.close()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        for statement in _SCHEMA:
            self._db.execute(statement)
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise JournalUnreadable(f"The journal {self.path} is damaged: {verdict}.")

    def _last(self) -> int:
        (last,) = self._db.execute("SELECT coalesce(max(sequence), 0) FROM taps").fetchone()
        return int(last)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise JournalFull(f"The journal {self.path} cannot be written: {error}.") from error
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            raise JournalUnreadable(f"The journal {self.path} is damaged: {error}.") from error
