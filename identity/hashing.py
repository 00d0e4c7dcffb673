"""Argon2id in processes of its own, behind a line of bounded length.

Hashing a password is meant to be slow, and must slow nobody down who does not sign in. So the
processes that hash leave a core free and step back behind everything else, and a request waits for
its turn before it holds a connection to the database. When the line is full, the next one is told
so at once, because a line that grows is a wait that nobody gets to the end of.
Source: OWASP Password Storage Cheat Sheet (a work factor is an attacker's lever as well).
"""

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from identity.errors import Busy
from identity.hashing_process import Done, Hashers, Work

MOST_WORKERS: Final = 4
# A hash takes a thirtieth of a second; where it has not begun after this, no core is ever free.
PATIENCE_SECONDS: Final = 0.5
# One hashes while another reads its row or writes its session.
PLACES_PER_WORKER: Final = 2
# At two places and ten turns a second, whoever is last in line waits for two seconds.
WAITING_PER_WORKER: Final = 40
RETRY_SECONDS: Final = 5
# Beside the hash, a sign-in costs the event loop as long as five taps do. So a place rests until
# this long after it was taken: more sign-ins come no faster, and taps find the loop free.
TURN_SECONDS: Final = 0.1


def workers_for(cores: int) -> int:
    """How many threads hash on so many cores: one core is always left to everything else."""
    return max(1, min(MOST_WORKERS, cores - 1))


def own_cores() -> int:
    """The cores this process may run on (Linux)."""
    return len(os.sched_getaffinity(0))


WORKERS: Final = workers_for(own_cores())


_OWN: Final = threading.local()
_EVERYBODYS: Final[list[Hashers]] = []


def _begin() -> None:
    _OWN.hashers = Hashers()
    _EVERYBODYS.append(_OWN.hashers)


@atexit.register
def _end() -> None:
    for hashers in _EVERYBODYS:
        hashers.close()


# They only wait, each for its own process.
_THREADS: Final = ThreadPoolExecutor(WORKERS, thread_name_prefix="argon2", initializer=_begin)


async def in_turn(work: Work) -> Done:
    """Have something hashed or verified in one of the processes for it, and wait for its outcome.

    Raises:
        OSError: no process can be started.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _do, work)


def _do(work: Work) -> Done:
    hashers: Hashers = _OWN.hashers
    return hashers.do(work, patience=PATIENCE_SECONDS)


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
