"""A terminal is killed at random while cards tap: what was shown is at the server, once.

Real processes behind a real pcscd, ended by SIGKILL; the journal is on disk; what the terminal
uploads goes through the server's own `taps.ingest` into a migrated database before it is confirmed.
"""

import asyncio
import os
import random  # noqa: TID251  (seeded, so that a run can be had again)
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

import msgspec
import pytest
import sqlalchemy as sa

from cardservice import jobs, reconciling, schema, taps, terminals
from cardservice.database import Database
from cardservice.models import Tap, TapConflict
from cardservice.reconciliation_models import TapFinding
from cardservice.terminals import KnownTerminal, Role
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.wire import Purpose
from readers.terminal.enrol import enrol
from readers.terminal.parts import Terminal
from readers.terminal.server import Server
from readers.terminal.settings import Settings
from readers.terminal.state import State
from readers.virtual.card import VirtualCard
from readers.virtual.errors import ReaderOccupied
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.issuer import NOW, Issuer
from tests.support.lives_of_a_terminal import READY
from tests.support.patience import PATIENCE
from tests.support.people import CLERK
from tests.support.tiny_server import CODE, TinyServer

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

T = TypeVar("T")
KILLS = 500
TRAVEL = Service.TRAVEL
SLOWEST_SCREEN = 0.01
LONGEST_START, LONGEST_LIFE = 0.05, 0.2
"""Seconds within which a terminal is killed: one in eight before it is ready, others after."""


class Keeping:
    """The server's end: stores what is uploaded, before it is confirmed."""

    def __init__(self, database_url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.database = Database(database_url)
        self.terminal: KnownTerminal = self.run(self._enrol())

    def run(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def store(self, upload: wire.TapUpload) -> None:
        self.run(self._store(upload))

    def close(self) -> None:
        self.run(self.database.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _enrol(self) -> KnownTerminal:
        await schema.upgrade(self.database.engine)
        async with self.database.transaction() as session:
            role = Role(
                name="Bus 1", place="Bus 1", services=(TRAVEL,), purposes=(Purpose.VALIDATE,)
            )
            made = await terminals.create(session, role, actor=CLERK, now=NOW)
            return KnownTerminal(
                id=made.id,
                name=made.name,
                place=made.place,
                authority=made.authority,
                services=frozenset({TRAVEL}),
                purposes=frozenset({Purpose.VALIDATE}),
                revoked=False,
                last_seen_at=None,
            )

    async def _store(self, upload: wire.TapUpload) -> None:
        async with self.database.transaction() as session:
            await taps.ingest(session, self.terminal, upload.taps, now=NOW)


class Passengers:
    """Somebody at each reader who taps one card after another."""

    def __init__(self, pcscd: Pcscd, readers: list[str], cards: list[VirtualCard]) -> None:
        self._stopping = threading.Event()
        shares = [cards[each :: len(readers)] for each in range(len(readers))]
        self._threads = [
            threading.Thread(target=self._tap, args=(Plug(pcscd.socket_of(reader)), share))
            for reader, share in zip(readers, shares, strict=True)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _tap(self, plug: Plug, cards: list[VirtualCard]) -> None:
        while not self._stopping.is_set():
            card = secrets.choice(cards)
            card.reset()
            try:
                plug.insert(card)
            except ReaderOccupied:
                continue
            time.sleep(0.02 + secrets.randbelow(30) / 1000)
            plug.remove()


class Lives:
    """The terminal's process, begun anew each time."""

    def __init__(self, server_url: str, state: State) -> None:
        self._seen, witness = os.pipe()
        arguments = ["tests.support.lives_of_a_terminal", server_url, str(state.directory)]
        self._starter = subprocess.Popen(
            [sys.executable, "-m", *arguments, str(witness)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            pass_fds=[witness],
        )
        os.close(witness)
        self._rest = b""
        self.shown: dict[int, str] = {}

    def begin(self, slowness: float) -> int:
        """Start a terminal; its process id."""
        assert self._starter.stdin is not None
        self._starter.stdin.write(f"{slowness}\n")
        return int(self._line())

    def kill(self, pid: int) -> int:
        """Kill it; the signal that ended it."""
        os.kill(pid, signal.SIGKILL)
        return int(self._line())

    def ready(self) -> None:
        """Wait until the present terminal is ready, noting what those before it had shown."""
        while READY.strip() not in self._hear():
            pass

    def drain(self) -> None:
        """Note what is left, once no terminal runs any more."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.close()
        assert self._starter.wait(PATIENCE) == 0
        self._starter.stdout.close()
        while self._hear():
            pass
        os.close(self._seen)

    def _line(self) -> str:
        assert self._starter.stdout is not None
        return self._starter.stdout.readline()

    def _hear(self) -> list[bytes]:
        """Some of what was written since; nothing when nobody can write any more."""
        assert select.select([self._seen], [], [], PATIENCE)[0], "no terminal came up"
        *lines, self._rest = (self._rest + os.read(self._seen, 65536)).split(b"\n")
        for line in lines:
            if line != READY.strip():
                number, kind = line.decode().split()
                assert int(number) not in self.shown, "one number, one answer"
                self.shown[int(number)] = kind
        return lines


@contextmanager
def enrolled(keeping: Keeping, issuer: Issuer, state: State) -> Iterator[str]:
    """A server that keeps what it is sent, and a terminal that it knows; the server's address."""
    with TinyServer(issuer, TRAVEL, now=NOW) as tiny:
        tiny.keep = keeping.store
        client = Server(tiny.url, None)
        enrol(state, client, CODE)
        client.close()
        first = Terminal(
            Settings(server_url=tiny.url, state_dir=state.directory), clock=lambda: NOW
        )
        first.sync.once()
        first.close()
        yield tiny.url


def kill_again_and_again(lives: Lives, chance: random.Random) -> int:
    """How many terminals SIGKILL ended."""
    killed = 0
    for number in range(KILLS):
        pid = lives.begin(chance.uniform(0, SLOWEST_SCREEN))
        if number % 8 == 0:
            time.sleep(chance.uniform(0, LONGEST_START))
        else:
            lives.ready()
            time.sleep(chance.uniform(0, LONGEST_LIFE))
        killed += lives.kill(pid) == signal.SIGKILL
    lives.drain()
    return killed


def test_what_a_terminal_showed_before_it_was_killed_is_at_the_server_once(
    pcscd: Pcscd, tmp_path: Path
) -> None:
    seed = int(os.environ.get("KENTCARD_TEST_SEED", "0")) or secrets.randbelow(2**32)
    sys.stdout.write(f"seed {seed} (KENTCARD_TEST_SEED={seed} repeats the moments)\n")
    issuer, state = Issuer(), State(tmp_path / "state")
    uids = [bytes([4, 0xCA, 0xFE, 0, 0, 0, number]) for number in range(12)]
    good = [(uid, issuer.sign(issuer.record(TRAVEL, uid=uid, status_index=7))) for uid in uids[:9]]
    cards = [issuer.card({TRAVEL: record}, uid=uid) for uid, record in good]
    cards += [issuer.card({}, uid=uid) for uid in uids[9:]]
    keeping = Keeping(f"sqlite+aiosqlite:///{tmp_path}/server.db")
    with enrolled(keeping, issuer, state) as url:
        lives = Lives(url, state)
        with Passengers(pcscd, list(pcscd.readers[:2]), cards):
            assert kill_again_and_again(lives, random.Random(seed)) == KILLS  # noqa: S311  moments
        last = Terminal(Settings(server_url=url, state_dir=state.directory), clock=lambda: NOW)
        last.sync.once()
        assert last.journal.pending(limit=10) == []
        journalled = last.journal.counts().taps
        last.close()

    rows, conflicts, findings = keeping.run(stored(keeping.database))
    keeping.close()
    assert conflicts == 0
    assert findings == [], "no number is missing, and the chain holds over every death"
    assert sorted(rows) == list(range(1, journalled + 1)), "each once, and none is lost"
    for number, kind in lives.shown.items():
        assert rows[number].accepted == (kind == "accepted")
    for number, row in rows.items():
        assert row.shown is not None
        if row.shown:
            assert number in lives.shown, "what is told as shown was seen"
    unseen = rows.keys() - lives.shown.keys()
    assert all(rows[number].shown is False for number in unseen), "what was not seen is marked"
    doubtful = [number for number in lives.shown if not rows[number].shown]
    sys.stdout.write(
        f"{KILLS} kills: {len(rows)} taps, {len(lives.shown)} shown, {len(unseen)} written down "
        f"and not shown, {len(doubtful)} shown and killed before that was noted\n"
    )
    assert len(lives.shown) > KILLS / 10, "cards were served"
    assert unseen, "some died between writing down and showing"


class Stored(msgspec.Struct, frozen=True):
    """A tap as the server has it."""

    accepted: bool
    shown: bool | None


async def stored(database: Database) -> tuple[dict[int, Stored], int, list[str]]:
    """Number -> tap, how many conflicts, and what does not add up."""
    await jobs.seal_taps(database, now=NOW)
    await jobs.reconcile_taps(database, now=NOW + reconciling.SETTLED_AFTER)
    async with database.transaction() as session:
        found = await session.execute(sa.select(Tap.sequence, Tap.accepted, Tap.shown))
        rows = {number: Stored(accepted, shown) for number, accepted, shown in found}
        conflicts = await session.scalar(sa.select(sa.func.count()).select_from(TapConflict))
        kinds = await session.scalars(sa.select(TapFinding.kind))
        return rows, conflicts or 0, [kind.value for kind in kinds]
