"""The journal's file: its tables, its older form, and whether what is in it is sound."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from readers.contract.chain import GENESIS, link
from readers.contract.wire import TapEvent
from readers.terminal.errors import JournalUnreadable

BUSY_SECONDS: Final = 2.0
FORM: Final = 2
"""Of the tables, as `PRAGMA user_version`; 0: a new file, or one from before there was a chain."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TAPS: Final = """
CREATE TABLE IF NOT EXISTS taps (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    event TEXT NOT NULL,
    uploaded_at INTEGER
) STRICT
"""
_CHAIN: Final = (
    "CREATE INDEX IF NOT EXISTS waiting ON taps (sequence) WHERE uploaded_at IS NULL",
    "ALTER TABLE taps ADD COLUMN previous BLOB",
    "ALTER TABLE taps ADD COLUMN link BLOB",
    "ALTER TABLE taps ADD COLUMN shown INTEGER",
    "CREATE TABLE IF NOT EXISTS start (sequence INTEGER NOT NULL, link BLOB NOT NULL) STRICT",
)
"""`previous`: the link before. `shown`: see `Shown`; NULL in rows of the older form."""


class Shown:
    """What is known of an answer: written down, shown, or never noted as shown."""

    NOT_YET: Final = 0
    YES: Final = 1
    NEVER: Final = 2


class Row(msgspec.Struct, frozen=True):
    """A row as it is stored.

    Attributes:
        event: JSON of a `TapEvent`, without its link and whether it was shown.
        previous, link: 32 bytes each.
    """

    sequence: int
    event: str
    uploaded_at: int | None
    previous: bytes
    link: bytes
    shown: int | None

    def tap(self) -> TapEvent:
        """The tap as it is uploaded; one of the older form as it always was.

        Raises:
            JournalUnreadable: it is not what was written down.
        """
        event = self.sound_event()
        if self.shown is None:
            return event
        return msgspec.structs.replace(event, link=self.link, shown=self.shown == Shown.YES)

    def sound_event(self) -> TapEvent:
        """The event, if the link covers it; raises as :meth:`tap`."""
        try:
            event = msgspec.json.decode(self.event, type=TapEvent)
        except msgspec.MsgspecError as error:
            raise JournalUnreadable(f"tap {self.sequence} cannot be read: {error}") from error
        if event.sequence != self.sequence or link(self.previous, event) != self.link:
            raise JournalUnreadable(f"tap {self.sequence} is not what was written down")
        return event


COLUMNS: Final = "sequence, event, uploaded_at, previous, link, shown"


def open_file(path: Path) -> sqlite3.Connection:
    """The file, made or brought to the present form if need be.

    Raises:
        JournalUnreadable: it is no sound database.
        sqlite3.Error: it cannot be opened or written.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        with damage_named():
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            check_file(db)
            _bring_up(db)
    except BaseException:
        db.close()
        raise
    return db


def check_file(db: sqlite3.Connection) -> None:
    """Look at every page.

    Raises:
        JournalUnreadable: one is not as SQLite wrote it.
        sqlite3.Error: nothing could be read.
    """
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise JournalUnreadable(f"The journal is damaged: {verdict}.")


def check_chain(db: sqlite3.Connection) -> None:
    """Look at every row, and at whether each follows the one before it.

    A row whose predecessor was removed, because the server has it, still says what its link was.

    Raises:
        JournalUnreadable: one is not what was written down.
    """
    before: Row | None = None
    with damage_named():
        for row in rows(db.execute(f"SELECT {COLUMNS} FROM taps ORDER BY sequence")):  # noqa: S608  our own names
            row.sound_event()
            follows = before is not None and row.sequence == before.sequence + 1
            if follows and before is not None and row.previous != before.link:
                raise JournalUnreadable(f"tap {row.sequence} does not follow the one before it")
            before = row


def rows(found: Iterable[tuple[object, ...]]) -> Iterator[Row]:
    """Rows of :data:`COLUMNS`; raises JournalUnreadable for what cannot be one."""
    for one in found:
        try:
            yield msgspec.convert(dict(zip(Row.__struct_fields__, one, strict=True)), Row)
        except msgspec.ValidationError as error:
            raise JournalUnreadable(f"a row cannot be read: {error}") from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def damage_named() -> Iterator[None]:
    """Tell a damaged file (JournalUnreadable) from one that cannot be written for now."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise JournalUnreadable(f"The journal is damaged: {error}.") from error
        raise


def _bring_up(db: sqlite3.Connection) -> None:
    (form,) = db.execute("PRAGMA user_version").fetchone()
    if form == FORM:
        return
    with transaction(db):
        db.execute(_TAPS)
        for statement in _CHAIN:
            db.execute(statement)
        previous = GENESIS
        for sequence, text in db.execute("SELECT sequence, event FROM taps ORDER BY sequence"):
            previous = _linked(db, previous, sequence, text)
        db.execute(f"PRAGMA user_version = {FORM}")


def _linked(db: sqlite3.Connection, previous: bytes, sequence: int, text: str) -> bytes:
    try:
        made = link(previous, msgspec.json.decode(text, type=TapEvent))
    except msgspec.MsgspecError as error:
        raise JournalUnreadable(f"tap {sequence} cannot be read: {error}") from error
    db.execute(
        "UPDATE taps SET previous = ?, link = ? WHERE sequence = ?", (previous, made, sequence)
    )
    return made
