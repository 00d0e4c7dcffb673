"""Which card readers this terminal has seen, and which of them are there."""

import threading
from datetime import datetime
from typing import assert_never

from readers.card.channel import CardArrived, CardEvent, CardLeft, ReaderAppeared, ReaderGone
from readers.contract.health import MOST_READERS, ReaderHealth, ReaderState


class ReaderStates:
    """Told by the monitor's thread, asked by the one that speaks with the server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, ReaderHealth] = {}

    def note(self, event: CardEvent, *, now: datetime) -> None:
        """Something happened at a reader."""
        match event:
            case ReaderGone():
                state = ReaderState.GONE
            case ReaderAppeared() | CardArrived() | CardLeft():
                state = ReaderState.READY
            case _:
                assert_never(event)
        with self._lock:
            known = self._states.get(event.reader)
            if known is None or known.state is not state:
                self._states[event.reader] = ReaderHealth(
                    name=event.reader[:128], state=state, since=now
                )

    def all(self) -> list[ReaderHealth]:
        """Every reader, those that are gone first; no more than a report holds."""
        with self._lock:
            states = list(self._states.values())
        return sorted(states, key=lambda each: (each.state is ReaderState.READY, each.name))[
            :MOST_READERS
        ]
