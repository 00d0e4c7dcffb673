"""What this terminal says of itself, and when it last did."""

from datetime import datetime, timedelta
from importlib import metadata
from typing import Final

from readers.contract.health import HealthReport
from readers.contract.wire import WIRE_VERSION
from readers.terminal.errors import ServerRefused, TerminalError
from readers.terminal.holdings import Holdings
from readers.terminal.journal import Journal
from readers.terminal.reader_states import ReaderStates
from readers.terminal.server import Server

SOFTWARE: Final = metadata.version("kent-card")
ASK_AGAIN_AFTER: Final = timedelta(hours=1)
"""How long a server that takes no reports, because it is older, is not bothered again."""
_NOT_THERE: Final = frozenset({404, 405})


class Health:
    """Reports when it is time to; used by one thread, but for `readers`.

    Args:
        holdings: what the terminal decides by.
        journal: where taps wait.
        started_at: when the terminal was started.

    Attributes:
        readers: to be told of every event at a reader.
        product: what the terminal works as.
    """

    def __init__(self, holdings: Holdings, journal: Journal, *, started_at: datetime) -> None:
        self.readers = ReaderStates()
        self.product = ""
        self._holdings = holdings
        self._journal = journal
        self._started_at = started_at
        self._next: datetime | None = None
        self._said: object = None

    def report(self, *, now: datetime) -> HealthReport:
        """How the terminal is now.

        Raises:
            JournalFull, JournalUnreadable: the journal cannot be counted.
        """
        counts, bundle = self._journal.counts(), self._holdings.bundle
        return HealthReport(
            at=now,
            software=SOFTWARE,
            wire_version=WIRE_VERSION,
            product=self.product,
            started_at=self._started_at,
            readers=self.readers.all(),
            taps_waiting=counts.taps - counts.uploaded,
            bundle_at=bundle.issued_at if bundle else None,
            lists_at=bundle.lists_at if bundle else None,
            settings_refused=self._holdings.settings_refused,
        )

    def say(self, server: Server, *, now: datetime) -> bool:
        """Report if it is time to, or if a reader has come or gone; whether anything was said.

        Raises:
            ServerUnreachable, ServerRefused, ServerNotUnderstood, JournalFull, JournalUnreadable:
                nothing was said; it is tried again when the time has come again.
        """
        readers = self.readers.all()
        if self._next is not None and now < self._next and readers == self._said:
            return False
        self._next = now + timedelta(seconds=self._holdings.set_up.settings.health_seconds)
        self._said = readers
        try:
            server.report_health(self.report(now=now), now=now)
        except ServerRefused as refused:
            if refused.status not in _NOT_THERE:
                raise
            self._next = now + ASK_AGAIN_AFTER
            return False
        except TerminalError:
            self._said = None
            raise
        return True
