"""Speaks with the server in the background: fetches bundles, hands over taps, never gives up."""

import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from readers.clock import Clock
from readers.contract.wire import READ_KEYS_EVERY, TapEvent
from readers.errors import ReadersError
from readers.terminal.bundle import BundleView
from readers.terminal.errors import ServerRefused, ServerUnreachable, StateUnusable
from readers.terminal.health import Health
from readers.terminal.holdings import Holdings
from readers.terminal.journal import Journal
from readers.terminal.server import Server

log = logging.getLogger(__name__)

BATCH: Final = 200
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
DEFAULT_REFRESH: Final = timedelta(seconds=60)
LONGEST_SLEEP: Final = 2.0
"""Seconds between looks at the clock, which may have been set meanwhile."""

REVOKED: Final = "terminal-revoked"
"""The server's code for a terminal that is not to be used any more."""

_UNACCEPTABLE: Final = frozenset({400, 413, 422})
"""What a server answers to a batch in which something is wrong, rather than to the terminal."""


def upload(journal: Journal, server: Server, *, clock: Clock, batch: int = BATCH) -> int:
    """Hand over every waiting tap, oldest first; how many the server now holds.

    A tap the server will not take stays in the journal and holds up no other.

    Raises:
        ServerUnreachable, ServerRefused, ServerNotUnderstood: and the rest stays for later.
    """
    after = confirmed = 0
    while taps := journal.pending(after=after, limit=batch):
        stored = _hand_over(taps, server, clock)
        journal.mark_uploaded(stored, now=clock())
        confirmed += len(stored)
        after = taps[-1].sequence
    return confirmed


def _hand_over(taps: list[TapEvent], server: Server, clock: Clock) -> list[int]:
    try:
        receipt = server.upload(taps, now=clock())
    except ServerRefused as refused:
        if refused.status not in _UNACCEPTABLE:
            raise
        if len(taps) == 1:
            log.warning("the server will not take tap %d: %s", taps[0].sequence, refused)
            return []
        half = len(taps) // 2
        return _hand_over(taps[:half], server, clock) + _hand_over(taps[half:], server, clock)
    sent = {tap.sequence for tap in taps}
    return [sequence for sequence in receipt.stored if sequence in sent]


class Sync:
    """The thread that speaks with the server.

    Args:
        health: what is said of the terminal; None: nothing is.
        after_turn: called after every round, whatever came of it.

    Attributes:
        online: whether the server answered last time.
    """

    def __init__(
        self,
        holdings: Holdings,
        journal: Journal,
        server: Server,
        *,
        clock: Clock,
        health: Health | None = None,
        after_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self.online = False
        self._health = health
        self._holdings = holdings
        self._journal = journal
        self._server = server
        self._clock = clock
        self._after_turn = after_turn
        self._keys_at: datetime | None = None
        self._bundle_at: datetime | None = None
        self._pause = FIRST_PAUSE
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with a fetch at once."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after the request that is under way."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Something to upload, or the network is back: go on now if the server is there."""
        self._woken.set()

    def once(self) -> None:
        """Fetch what is due (or anything, to see whether the server is back); hand over what waits.

        Raises:
            ReadersError: and nothing is lost.
        """
        refused: list[ReadersError] = []
        for step in (self._fetch_if_due, self._upload, self._say_health):
            try:
                step()
            except ServerUnreachable:
                raise
            except ReadersError as error:  # a refused bundle holds up no tap, nor the reverse
                refused.append(error)
        if refused:
            raise refused[0]

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._turn()
            try:
                self._after_turn()
            except Exception:
                log.exception("a fault after speaking with the server")
            self._woken.wait(pause)
            self._woken.clear()

    def _turn(self) -> float:
        """One round; seconds until the next unless woken."""
        try:
            self.once()
        except ServerUnreachable as error:
            self._report(online=False, error=error)
        except ServerRefused as error:
            self._report(online=True, error=error)
            if error.problem == REVOKED and self._holdings.keys:
                self._give_up_keys()
        except ReadersError as error:
            self._report(online=True, error=error)
        except Exception:
            log.exception("a fault while speaking with the server")
            self.online = False
        else:
            self._report(online=True)
            return min(self._refresh.total_seconds(), LONGEST_SLEEP)
        return self._back_off()

    def _report(self, *, online: bool, error: ReadersError | None = None) -> None:
        if error is not None:
            log.warning("%s: %s", error.code, error)
        elif not self.online:
            log.info("in touch with the server")
        if error is None:
            self._pause = FIRST_PAUSE
        self.online = online

    def _give_up_keys(self) -> None:
        log.warning("this terminal was revoked: its read keys are destroyed")
        try:
            self._holdings.forget_read_keys()
        except StateUnusable as error:
            log.warning("%s: %s", error.code, error)

    def _back_off(self) -> float:
        """Twice as long as last time, and not in step with other terminals."""
        pause = self._pause * (0.75 + secrets.randbelow(500) / 1000)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return pause

    def _upload(self) -> None:
        upload(self._journal, self._server, clock=self._clock)

    def _say_health(self) -> None:
        if self._health is not None:
            self._health.say(self._server, now=self._clock())

    def _fetch_if_due(self) -> None:
        if self.online and not self._is_due(self._bundle_at, self._refresh):
            return
        now = self._clock()
        signed = self._server.bundle(now=now)
        self._holdings.hear_server_time(signed.server_time)
        before = self._holdings.bundle
        view = self._holdings.adopt_bundle(signed.token, fetch=self._server.shard, now=now)
        missing = bool(view.services) and not self._holdings.keys
        changed = _services(before) != _services(view)
        if missing or changed or self._is_due(self._keys_at, READ_KEYS_EVERY):
            self._holdings.adopt_read_keys(self._server.read_keys(now=now))
            self._keys_at = now
        self._bundle_at = now

    @property
    def _refresh(self) -> timedelta:
        bundle = self._holdings.bundle
        return bundle.refresh if bundle else DEFAULT_REFRESH

    def _is_due(self, last: datetime | None, every: timedelta) -> bool:
        now = self._clock()
        return last is None or not last <= now < last + every


def _services(bundle: BundleView | None) -> set[object]:
    return set(bundle.services) if bundle else set()
