"""The journal on a real disk: what was written stays, and a full disk loses nothing."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from readers.contract.services import Service
from readers.contract.wire import Mode, TapEvent
from readers.terminal.errors import JournalFull, JournalUnreadable
from readers.terminal.journal import Counts, Journal, send_again
from tests.support.fenced import unshare
from tests.support.issuer import NOW


def tap(sequence: int) -> TapEvent:
    return TapEvent(
        sequence=sequence,
        taken_at=NOW,
        service=Service.LIBRARY,
        accepted=True,
        mode=Mode.OFFLINE,
        number=17,
        status_index=7,
        record_sequence=1,
    )


def taken(journal: Journal) -> int:
    """A tap whose answer was shown; its number."""
    sequence = journal.append(tap).sequence
    journal.note_shown(sequence, shown=True)
    return sequence


def waiting(journal: Journal) -> list[int]:
    return [event.sequence for event in journal.pending(limit=200_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taps.db"


def test_taps_are_numbered_from_one_without_gaps(path: Path) -> None:
    journal = Journal(path)
    assert [taken(journal) for _ in range(3)] == [1, 2, 3]
    stored = journal.pending(limit=10)
    assert [replace(one, link=None, shown=None) for one in stored] == [tap(1), tap(2), tap(3)]
    assert journal.counts() == Counts(taps=3, uploaded=0)
    journal.close()


def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    first = Journal(path)
    taken(first)
    first.close()
    again = Journal(path)
    assert waiting(again) == [1]
    assert again.append(tap).sequence == 2
    again.close()


def test_what_was_written_survives_a_process_that_is_killed(path: Path) -> None:
    program = (
        "import sys, pathlib, tests.integration.terminal.test_journal as t\n"
        "journal = t.Journal(pathlib.Path(sys.argv[1]))\n"
        "for _ in range(20): journal.append(t.tap)\n"
        "print('written', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    journal = Journal(path)
    assert journal.counts().taps == 20
    journal.close()


def test_only_what_the_server_confirmed_is_marked(path: Path) -> None:
    journal = Journal(path)
    for _ in range(4):
        taken(journal)
    journal.mark_uploaded([2, 4, 99], now=NOW)
    assert [event.sequence for event in journal.pending(limit=10)] == [1, 3]
    assert [event.sequence for event in journal.pending(after=1, limit=10)] == [3]
    assert journal.counts() == Counts(taps=4, uploaded=2)
    journal.close()


def test_confirmed_taps_are_forgotten_after_a_day_and_the_count_goes_on(path: Path) -> None:
    journal = Journal(path)
    for _ in range(3):
        taken(journal)
    journal.mark_uploaded([1, 3], now=NOW)
    journal.mark_uploaded([], now=NOW + timedelta(hours=25))
    assert journal.counts() == Counts(taps=3, uploaded=2)
    assert [event.sequence for event in journal.pending(limit=10)] == [2]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT sequence FROM taps").fetchall() == [(2,), (3,)]
    db.close()
    assert journal.append(tap).sequence == 4
    journal.close()


def test_an_event_that_cannot_be_made_uses_up_no_number(path: Path) -> None:
    journal = Journal(path)

    def failing(_sequence: int) -> TapEvent:
        raise KeyError("a fault of ours")

    with pytest.raises(KeyError):
        journal.append(failing)
    assert journal.append(tap).sequence == 1
    journal.close()


def test_several_threads_share_the_numbers(path: Path) -> None:
    journal = Journal(path)
    threads = [
        threading.Thread(target=lambda: [taken(journal) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.sequence for event in journal.pending(limit=100)] == list(range(1, 81))
    journal.close()


def test_a_journal_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalFull):
        Journal(tmp_path / "missing" / "taps.db")


FILL = """
import sys, pathlib
import tests.integration.terminal.test_journal as t
path = pathlib.Path(sys.argv[1])
journal = t.Journal(path)
ballast = path.with_name("ballast")
ballast.write_bytes(bytes(200_000))
written = 0
try:
    while written < 100_000:
        written = t.taken(journal)
except t.JournalFull:
    print("full after", written, flush=True)
try:
    journal.append(t.tap)
except t.JournalFull:
    print("still full", flush=True)
assert set(t.waiting(journal)) >= set(range(1, written))
ballast.unlink()
assert t.waiting(journal) == list(range(1, written + 1))
print("next is", journal.append(t.tap).sequence - written, "later", flush=True)
journal.close()
again = t.Journal(path)
print("kept", again.counts().taps - written, "more than", "were told", flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_refuses_the_tap_and_loses_none_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=600k tmpfs {disk} && exec "$0" -c "$1" {disk}/taps.db'
    done = subprocess.run(
        [*unshare("sh", "-c", script), sys.executable, FILL],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    full, still, following, kept = done.stdout.splitlines()
    assert int(full.removeprefix("full after ")) > 0
    assert still == "still full"
    assert following == "next is 1 later"
    assert kept == "kept 1 more than were told"


LIMITED = """
import pathlib, resource, signal, sys
import tests.integration.terminal.test_journal as t
journal = t.Journal(pathlib.Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
written = 0
try:
    while written < 100_000:
        written = journal.append(t.tap).sequence
except t.JournalFull:
    pass
assert 0 < written < 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert journal.append(t.tap).sequence == written + 1
"""


def test_a_file_that_may_not_grow_refuses_the_tap_and_loses_none(path: Path) -> None:
    subprocess.run([sys.executable, "-c", LIMITED, str(path)], check=True, timeout=120)


def test_what_the_server_confirmed_can_be_handed_over_again_beside_a_running_terminal(
    path: Path,
) -> None:
    journal = Journal(path)
    for _ in range(3):
        taken(journal)
    journal.mark_uploaded([1, 2], now=NOW)
    assert waiting(journal) == [3]
    assert send_again(path) == 2
    assert waiting(journal) == [1, 2, 3]
    assert send_again(path) == 0
    journal.close()


def test_without_a_journal_nothing_is_handed_over_and_none_is_made(path: Path) -> None:
    with pytest.raises(JournalUnreadable):
        send_again(path)
    assert not path.exists()
