"""Who asks too fast waits for its turn: a machine that tries numbers through is slowed down."""

import asyncio
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MOST_KNOWN: Final = 10_000
_Who = TypeVar("_Who", bound=Hashable)


class Pace(Generic[_Who]):
    """Questions at an even pace after as many at once as a minute has.

    Args:
        a_minute: how many each may ask.
    """

    def __init__(self, a_minute: int) -> None:
        self._step = 60 / a_minute
        self._window = 60.0
        self._due: dict[_Who, float] = {}

    def wait(self, who: _Who, now: float) -> float:
        """Seconds that somebody waits for the turn they are given now.

        Args:
            who: asks.
            now: seconds on any clock that only goes forward.
        """
        due = max(self._due.get(who, 0.0), now - self._window) + self._step
        if who not in self._due and len(self._due) >= MOST_KNOWN:
            self._due = {each: at for each, at in self._due.items() if at > now - self._window}
        self._due[who] = due
        return max(0.0, due - now)

    async def turn(self, who: _Who) -> None:
        """Wait for it."""
        if (seconds := self.wait(who, asyncio.get_running_loop().time())) > 0:
            await asyncio.sleep(seconds)
