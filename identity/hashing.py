"""Argon2id in threads of its own, behind a line of bounded length.

Hashing a password is meant to be slow, and must slow nobody down who does not sign in. So the
threads that hash leave a core free and step back behind everything else, and a request waits for
its turn before it holds a connection to the database. When the line is full, the next one is told
so at once, because a line that grows is a wait that nobody gets to the end of.
Source: OWASP Password Storage Cheat Sheet (a work factor is an attacker's lever as well).
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from identity.errors import Busy

MOST_WORKERS: Final = 4
LOW_PRIORITY: Final = 10
# One hashes while another reads its row or writes its session.
PLACES_PER_WORKER: Final = 2
# At two places and ten turns a second, whoever is last in line waits for two seconds.
WAITING_PER_WORKER: Final = 40
RETRY_SECONDS: Final = 5
# Beside the hash, a sign-in costs the event loop as long as five taps do. So a place rests until
# this long after it was taken: more sign-ins come no faster, and taps find the loop free.
TURN_SECONDS: Final = 0.1

T = TypeVar("T")


def workers_for(cores: int) -> int:
    """How many threads hash on so many cores: one core is always left to everything else."""
    return max(1, min(MOST_WORKERS, cores - 1))


def own_cores() -> int:
    """The cores this process may run on (Linux)."""
    return len(os.sched_getaffinity(0))


WORKERS: Final = workers_for(own_cores())


def _step_back() -> None:
    """Let everything else go first: on Linux a priority belongs to a thread."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)


_THREADS: Final = ThreadPoolExecutor(WORKERS, thread_name_prefix="argon2", initializer=_step_back)


async def in_turn(work: Callable[[], T]) -> T:
    """Do something slow in one of the threads that are for it, and wait for its outcome."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)


class Line:
    """Where requests wait that will hash a password.

    Args:
        places: how many may go on at once, holding a connection to the database.
        most_waiting: how many may wait for that, holding nothing.
        turn: seconds from when a place is taken until the next may have it, at the least.
    """

    def __init__(
        self,
        *,
        places: int = WORKERS * PLACES_PER_WORKER,
        most_waiting: int = WORKERS * WAITING_PER_WORKER,
        turn: float = TURN_SECONDS,
    ) -> None:
        self._free = asyncio.Semaphore(places)
        self._most_waiting = most_waiting
        self._waiting = 0
        self._turn = turn

    def check_room(self) -> None:
        """Nothing, while there is room in the line.

        Raises:
            Busy: there is none.
        """
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise Busy("Too many people are signing in at this moment.", RETRY_SECONDS)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and have it; first come, first served.

        Raises:
            Busy: the line is full.
        """
        self.check_room()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        loop = asyncio.get_running_loop()
        until = loop.time() + self._turn
        try:
            yield
        finally:
            if loop.time() < until:
                loop.call_at(until, self._free.release)
            else:
                self._free.release()
