"""A venue's device: what it decides by, kept fresh in the background when there is a network."""

import logging
import threading
from datetime import datetime, timedelta
from typing import Final

import httpx
import msgspec

from readers.clock import Clock
from readers.contract.reasons import words_for_code
from readers.contract.services import Service
from readers.contract.windows import london
from readers.errors import ReadersError
from readers.terminal.clock import clock_problem
from readers.terminal.holdings import Holdings
from readers.verify.checking import Answer, check
from readers.verify.fetching import fetch, runs_ahead
from readers.verify.state import Seen, VenueState

log = logging.getLogger(__name__)

REFRESH: Final = timedelta(minutes=5)
_AHEAD: Final = (
    "This device’s clock is ahead, so good codes look as if they had run out. Set the clock and "
    "fetch again."
)


class StateInWords(msgspec.Struct, frozen=True):
    """What the page says about the device itself.

    Attributes:
        checked: which service is checked here.
        fetched: how old its lists are.
        warning: what somebody must do; empty when there is nothing.
    """

    checked: str
    fetched: str
    warning: str


class Device:
    """What answers at one venue.

    Args:
        state: the state directory.
        clock: answers ``now``.
        service: what is checked here; None: whatever a code is for.
        transport: another way to reach the server, for tests.

    Raises:
        NeverFetched, StateUnusable: there is nothing to decide by.
    """

    def __init__(
        self,
        state: VenueState,
        clock: Clock,
        *,
        service: Service | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._service = service
        self._transport = transport
        self._version = state.bundle_version()
        self._holdings = Holdings(state)
        state.prepare()
        self._seen = Seen(state.directory)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_fresh, name="fetch", daemon=True)

    @property
    def holdings(self) -> Holdings:
        """What is decided by now; another process of this directory may have fetched meanwhile."""
        version = self._state.bundle_version()
        if version != self._version:
            self._version, self._holdings = version, Holdings(self._state)
        return self._holdings

    def check(self, text: str) -> Answer:
        """What to say to a code; raises StateUnusable when a yes cannot be remembered."""
        return check(text, self.holdings, self._seen, service=self._service, now=self._clock())

    def fetch(self) -> None:
        """Fetch now; raises as :func:`~readers.verify.fetching.fetch`."""
        fetch(self._state, self.holdings, now=self._clock(), transport=self._transport)

    def start(self) -> None:
        """Fetch in the background, now and from time to time."""
        self._thread.start()

    def stop(self) -> None:
        """Fetch no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def state_in_words(self) -> StateInWords:
        """What the page says about the device itself."""
        now = self._clock()
        checked = f"Checked here: {self._service}." if self._service else "Checked here: any code."
        return StateInWords(checked, self._fetched_in_words(now), self._warning(now))

    def _keep_fresh(self) -> None:
        while not self._ended.is_set():
            try:
                self.fetch()
            except ReadersError as error:
                log.info("the lists stay as they are: %s", error)
            self._ended.wait(REFRESH.total_seconds())

    def _fetched_in_words(self, now: datetime) -> str:
        bundle = self.holdings.bundle
        if bundle is None:
            return "Nothing was fetched yet."
        made = london(bundle.issued_at)
        return f"Keys and lists of {made:%-d %B %Y at %H:%M}, {age_in_words(now - made)}."

    def _warning(self, now: datetime) -> str:
        problem = clock_problem(now, server_time=self.holdings.server_time)
        if problem is not None:
            words = words_for_code(problem)
            return f"{words.title}. {words.advice}"
        if runs_ahead(self.holdings.bundle, self._state.fetched_at()):
            return _AHEAD
        bundle = self.holdings.bundle
        if bundle is None or now >= bundle.expires_at:
            return "Keys and lists must be fetched before a code can be checked."
        if any(rules.is_old(now) for rules in bundle.services.values()):
            return "The list of lost phones is old. Connect this device to the network."
        return ""


def age_in_words(age: timedelta) -> str:
    """`5 minutes old`; what is less than a minute, or in the future, is `new`."""
    minutes = int(age.total_seconds() // 60)
    for length, name in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= length:
            count = minutes // length
            return f"{count} {name}{'s' if count > 1 else ''} old"
    return "new"
