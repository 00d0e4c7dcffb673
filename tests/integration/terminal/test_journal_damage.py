"""A damaged journal: noticed, what is sound saved, the file kept, and no number given out twice."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from readers.contract.chain import GENESIS, link
from readers.contract.wire import TapEvent
from readers.terminal import journal_file
from readers.terminal.errors import JournalFull, JournalUnreadable
from readers.terminal.journal import Journal, look
from readers.terminal.reserved import AT_ONCE, UNKNOWN
from tests.integration.terminal.test_journal import tap

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taps.db"


def filled(path: Path, taps: int = 200) -> None:
    """A journal whose every answer was shown, in one file."""
    journal = Journal(path)
    for _ in range(taps):
        journal.note_shown(journal.append(tap).sequence, shown=True)
    journal.close()


def numbers(journal: Journal) -> list[int]:
    return [event.sequence for event in journal.pending(limit=10_000)]


def spoil(path: Path, at: int, length: int = PAGE) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + length] = b"\xa5" * min(length, len(content) - at)
    path.write_bytes(content)


def pages_of_taps(path: Path) -> list[int]:
    """Numbers of the pages that hold rows, in no order."""
    content = path.read_bytes()
    starts = range(0, len(content), PAGE)
    return [at for at in starts if content[at] == 0x0D and b'"sequence"' in content[at : at + PAGE]]


def test_each_page_that_can_be_damaged_costs_its_own_taps_and_no_others(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    pages = pages_of_taps(path)
    assert len(pages) > 5
    for page in pages:
        path.write_bytes(whole)
        path.with_name("taps.db.reserved").write_text(str(AT_ONCE))
        spoil(path, page)
        journal = Journal(path)
        saved = numbers(journal)
        assert 0 < 200 - len(saved) < 60, "one page of them is lost"
        assert journal.append(tap).sequence == AT_ONCE + 1, "above all that were ever given out"
        journal.close()
        (aside,) = path.parent.glob("taps.db.damaged-*")
        assert aside.read_bytes()[page : page + 16] == b"\xa5" * 16, "kept as it was"
        aside.unlink()


def test_a_file_that_was_never_a_journal_is_kept_and_a_new_one_begun(path: Path) -> None:
    path.write_bytes(b"this was never a database, but somebody may still want it" * 40)
    before = path.read_bytes()
    journal = Journal(path)
    assert journal.append(tap).sequence == UNKNOWN + 1
    journal.close()
    assert path.with_name("taps.db.damaged-1").read_bytes() == before


def test_damage_while_running_costs_no_later_tap(path: Path) -> None:
    filled(path)
    journal = Journal(path)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    last = max(
        pages_of_taps(path), key=lambda page: path.read_bytes()[page:].find(b'"sequence":200,') * -1
    )
    for page in [last, *pages_of_taps(path)]:
        spoil(path, page)
    written = journal.append(tap).sequence
    assert written == AT_ONCE + 1
    journal.note_shown(written, shown=True)
    assert numbers(journal) == [written]
    assert journal.append(tap).sequence == written + 1
    journal.close()
    assert path.with_name("taps.db.damaged-1").exists()


def test_two_damages_are_two_files_kept(path: Path) -> None:
    for _ in range(2):
        path.write_bytes(b"spoilt" * 1000)
        Journal(path).close()
    assert len(list(path.parent.glob("taps.db.damaged-*"))) == 2


def test_a_tap_changed_on_disk_is_found_and_not_uploaded(path: Path) -> None:
    filled(path, 5)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE taps SET event = replace(event, 'true', 'false') WHERE sequence = 3")
    db.close()
    with pytest.raises(JournalUnreadable, match="tap 3 is not what was written down"):
        journal_file.check_chain(sqlite3.connect(path))
    journal = Journal(path)
    assert numbers(journal) == [1, 2, 4, 5]
    journal.close()


def test_a_tap_changed_while_running_is_not_uploaded(path: Path) -> None:
    filled(path, 5)
    journal = Journal(path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE taps SET event = replace(event, 'true', 'false') WHERE sequence = 3")
    db.close()
    assert numbers(journal) == [1, 2, 4, 5]
    journal.close()


def test_the_chain_can_be_checked_after_confirmed_taps_are_forgotten(path: Path) -> None:
    filled(path, 6)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM taps WHERE sequence IN (1, 2, 4)")
    db.close()
    journal = Journal(path)
    three, five, six = journal.pending(limit=9)
    assert three.link is not None
    assert five.link is not None
    assert link(five.link, six) == six.link
    assert not list(path.parent.glob("taps.db.damaged-*"))
    journal.close()


def test_links_go_on_over_a_start_and_over_damage(path: Path) -> None:
    filled(path, 3)
    journal = Journal(path)
    journal.note_shown(journal.append(tap).sequence, shown=True)
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE taps SET event = 'spoilt' WHERE sequence = 1")
    db.close()
    journal = Journal(path)
    journal.note_shown(journal.append(tap).sequence, shown=True)
    *_, four, later = journal.pending(limit=9)
    assert (four.sequence, later.sequence) == (4, AT_ONCE + 1)
    assert four.link is not None
    assert link(four.link, later) == later.link, "no tap is missing between the two numbers"
    journal.close()


def test_a_salvage_that_was_cut_short_is_finished_at_the_next_start(path: Path) -> None:
    filled(path, 4)
    fresh = path.with_name("taps.db.salvage")
    path.rename(fresh)
    path.with_name("taps.db-wal").write_bytes(b"of the damaged file")
    journal = Journal(path)
    assert numbers(journal) == [1, 2, 3, 4]
    journal.close()
    assert path.with_name("taps.db-wal.damaged-1").read_bytes() == b"of the damaged file"


def test_no_room_for_a_new_journal_leaves_the_damaged_one_in_its_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"spoilt" * 1000)

    def full(_path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patching:
        patching.setattr("readers.terminal.salvage.open_file", full)
        with pytest.raises(JournalFull, match="cannot be begun anew"):
            Journal(path)
    assert path.read_bytes() == b"spoilt" * 1000
    Journal(path).close()
    assert path.with_name("taps.db.damaged-1").read_bytes() == b"spoilt" * 1000


def test_looking_at_a_journal_changes_nothing(path: Path) -> None:
    path.write_bytes(b"spoilt" * 1000)
    with pytest.raises(JournalUnreadable):
        look(path)
    assert [file.name for file in path.parent.iterdir()] == ["taps.db"]
    path.unlink()
    filled(path, 3)
    assert look(path).taps == 3


OLD_FORM = """
CREATE TABLE taps (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0), event TEXT NOT NULL, uploaded_at INTEGER
) STRICT
"""


def test_a_journal_of_the_older_form_goes_on_and_its_taps_are_sent_as_they_were(
    path: Path,
) -> None:
    with sqlite3.connect(path) as db:
        db.execute(OLD_FORM)
        for number in (1, 2, 3):
            text = msgspec.json.encode(tap(number)).decode()
            db.execute("INSERT INTO taps VALUES (?, ?, ?)", (number, text, number == 1 or None))
    db.close()
    journal = Journal(path)
    assert journal.pending(limit=9) == [tap(2), tap(3)]
    journal.note_shown(journal.append(tap).sequence, shown=True)
    four: TapEvent = journal.pending(limit=9)[-1]
    previous = GENESIS
    for number in (1, 2, 3):
        previous = link(previous, tap(number))
    assert four.link == link(previous, tap(4))
    journal.close()


def test_an_answer_that_was_never_noted_as_shown_is_told_as_such_after_a_restart(
    path: Path,
) -> None:
    journal = Journal(path)
    journal.note_shown(journal.append(tap).sequence, shown=True)
    journal.append(tap)
    assert numbers(journal) == [1], "what is not shown yet may still be"
    journal.close()
    again = Journal(path)
    again.note_shown(again.append(tap).sequence, shown=True)
    told = {event.sequence: event.shown for event in again.pending(limit=9)}
    assert told == {1: True, 2: False, 3: True}
    again.close()
