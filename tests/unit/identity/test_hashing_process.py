"""Passwords are hashed where nothing else waits for it, and nothing else waits behind it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from identity.hashing_process import LOW_PRIORITY, Hashers, HashingProcess, Manners, Work

PASSWORD = Work(b"turnip lantern oxbow")
NO_TIME_AT_ALL = 0.0


@pytest.fixture
def hashers() -> Iterator[Hashers]:
    made = Hashers()
    yield made
    made.close()


@contextmanager
def process(manners: Manners) -> Iterator[HashingProcess]:
    made = HashingProcess(manners)
    try:
        yield made
    finally:
        made.close()


def hashed_by(process: HashingProcess) -> str:
    answer = process.ask(PASSWORD)
    assert answer is not None
    return answer.hashed


def test_what_one_process_hashes_another_verifies(hashers: Hashers) -> None:
    with process(Manners.LOW) as other:
        stored = hashed_by(other)
    assert hashers.do(Work(PASSWORD.password, stored), patience=60).matches
    assert not hashers.do(Work(b"turnip lantern oxbox", stored), patience=60).matches
    assert not hashers.do(Work(PASSWORD.password, "no hash at all"), patience=60).matches


def test_it_gives_way_to_everything_else() -> None:
    with process(Manners.IDLE) as idle, process(Manners.LOW) as low:
        assert hashed_by(idle) != hashed_by(low)  # both have begun
        assert os.sched_getscheduler(idle.pid) == os.SCHED_IDLE
        assert os.sched_getscheduler(low.pid) == os.SCHED_OTHER
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, low.pid) == max(LOW_PRIORITY, own)


def test_whoever_waits_too_long_is_served_by_another_and_nobody_gets_their_answer(
    hashers: Hashers,
) -> None:
    for number in range(3):
        own = f"the password of number {number}".encode()
        stored = hashers.do(Work(own), patience=NO_TIME_AT_ALL).hashed
        assert hashers.do(Work(own, stored), patience=NO_TIME_AT_ALL).matches


def test_a_process_that_somebody_ended_is_started_again(hashers: Hashers) -> None:
    stored = hashers.do(PASSWORD, patience=60).hashed
    for one in hashers.processes:
        os.kill(one, signal.SIGKILL)
    assert hashers.do(Work(PASSWORD.password, stored), patience=60).matches


def test_it_ends_with_the_server_whatever_ends_that() -> None:
    server = (
        "import os; from identity.hashing_process import *; "
        "p = HashingProcess(Manners.IDLE); p.ask(Work(b'x')); print(p.pid, flush=True); "
        "os.kill(os.getpid(), 9)"
    )
    # The process shares the server's standard error, which is read until both are gone.
    ended = subprocess.run(
        [sys.executable, "-c", server], capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL
    assert int(ended.stdout) > 0
