"""Argon2id in a process of its own, which gives way to everything else on the machine.

Run as a script, it reads what to hash or verify from its input, a line of JSON each, and answers in
lines, until its input ends. It is a process and not a thread because what gives way must not hold
Python's lock while it does: a thread that waits for a core, lock in hand, holds the server up.
Source: sched(7), SCHED_IDLE; OWASP Password Storage Cheat Sheet (Argon2id, 19 MiB, 2 passes, 1
lane).
"""

import os
import select
import signal
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
LOW_PRIORITY: Final = 10


class Manners(StrEnum):
    """How a process stands back: only ever in cores nobody wants, or with a tenth of a share."""

    IDLE = "idle"
    LOW = "low"


class Work(msgspec.Struct, frozen=True):
    """A password in UTF-8, to compare with a stored hash, or to hash if there is none."""

    password: bytes
    stored: str | None = None


class Done(msgspec.Struct, frozen=True):
    """What came of it: whether it matched, or its hash."""

    matches: bool = False
    hashed: str = ""


def done(work: Work) -> Done:
    """Hash or verify, here and now. What is no hash matches nothing."""
    if work.stored is None:
        return Done(hashed=HASHER.hash(work.password))
    try:
        return Done(matches=HASHER.verify(work.stored, work.password))
    except (VerificationError, InvalidHashError):
        return Done()


class HashingProcess:
    """A process that hashes, seen from one thread of the server. It ends with the server."""

    def __init__(self, manners: Manners) -> None:
        command = [sys.executable, "-I", str(Path(__file__)), manners.value]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # Both are there, because both were asked for.
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self._owes = 0

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, work: Work, *, patience: float | None = None) -> Done | None:
        """Have it done. None: not within so many seconds; what comes of it then is not read.

        Raises:
            OSError: the process has ended.
        """
        while self._owes:
            if not self._answers_within(0):
                return None
            self._answer()
        self._send(work)
        return self._answer() if self._answers_within(patience) else None

    def close(self) -> None:
        """Let it end, and wait for that."""
        self._process.kill()
        self._process.communicate()

    def _send(self, work: Work) -> None:
        self._input.write(msgspec.json.encode(work) + b"\n")
        self._input.flush()
        self._owes += 1

    def _answers_within(self, seconds: float | None) -> bool:
        return bool(select.select([self._output], [], [], seconds)[0])

    def _answer(self) -> Done:
        """Raises `OSError` when the process has ended."""
        line = self._output.readline()
        if not line:
            raise BrokenPipeError("The process that hashes has ended.")
        self._owes -= 1
        return msgspec.json.decode(line, type=Done)


class Hashers:
    """The processes one thread hashes with: a second one is started when the first is starved.

    On a machine whose cores others keep busy, the first would get none, and nobody could sign in.
    """

    def __init__(self) -> None:
        self._open: dict[Manners, HashingProcess] = {}

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of those that run."""
        return tuple(process.pid for process in self._open.values())

    def do(self, work: Work, *, patience: float) -> Done:
        """Have it done by the one that stands back furthest, or by the other after a while.

        Raises:
            OSError: no process can be started, or it ended twice.
        """
        for manners, seconds in ((Manners.IDLE, patience), (Manners.LOW, None)):
            answer = self._ask(manners, work, seconds)
            if answer is not None:
                return answer
        raise AssertionError("A process that is waited for without end has not answered.")

    def close(self) -> None:
        """Let every process end."""
        while self._open:
            self._open.popitem()[1].close()

    def _ask(self, manners: Manners, work: Work, seconds: float | None) -> Done | None:
        try:
            return self._of(manners).ask(work, patience=seconds)
        except OSError:  # somebody ended it: once more, with a new one
            if manners in self._open:
                self._open.pop(manners).close()
            return self._of(manners).ask(work, patience=seconds)

    def _of(self, manners: Manners) -> HashingProcess:
        if manners not in self._open:
            self._open[manners] = HashingProcess(manners)
        return self._open[manners]


def stand_back(manners: Manners) -> None:
    """Let everything else go first, for good."""
    if manners is Manners.IDLE:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.setpriority(os.PRIO_PROCESS, 0, max(LOW_PRIORITY, os.getpriority(os.PRIO_PROCESS, 0)))


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer line by line until the input ends."""
    for line in iter(asked.readline, b""):
        answers.write(msgspec.json.encode(done(msgspec.json.decode(line, type=Work))) + b"\n")
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when the server does
    stand_back(Manners(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
