"""Which card readers this terminal has seen, and which of them are there."""

import threading
from collections.abc import Collection
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
        """Something happened at a reader. Cards that come and go do not mend one that hangs."""
        match event:
            case ReaderGone():
                state = ReaderState.GONE
            case ReaderAppeared() | CardArrived() | CardLeft():
                state = ReaderState.READY
            case _:
                assert_never(event)
        with self._lock:
            known = self._states.get(event.reader)
            if (
                known
                and known.state is ReaderState.HANGS
                and not isinstance(event, (ReaderGone, ReaderAppeared))
            ):
                return
            self._set(event.reader, state, now)

    def note_hanging(self, hanging: Collection[str], *, now: datetime) -> None:
        """Of the readers that are there, exactly these do not answer."""
        with self._lock:
            for reader, known in tuple(self._states.items()):
                if known.state is not ReaderState.GONE:
                    state = ReaderState.HANGS if reader in hanging else ReaderState.READY
                    self._set(reader, state, now)

    def _set(self, reader: str, state: ReaderState, now: datetime) -> None:
        known = self._states.get(reader)
        if known is None or known.state is not state:
            self._states[reader] = ReaderHealth(name=reader[:128], state=state, since=now)

    def all(self) -> list[ReaderHealth]:
        """Every reader, those that cannot be used first; no more than a report holds."""
        with self._lock:
            states = list(self._states.values())
        return sorted(states, key=lambda each: (each.state is ReaderState.READY, each.name))[
            :MOST_READERS
        ]
