"""Counts for operators: nothing here says anything about a person or a card."""

from datetime import datetime
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY: Final = CollectorRegistry()

REQUESTS: Final = Counter(
    "kentcard_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY
)
TAPS: Final = Counter("kentcard_taps", "Taps stored for the first time.", registry=REGISTRY)
TAP_CONFLICTS: Final = Counter(
    "kentcard_tap_conflicts", "Taps sent under a sequence that was taken.", registry=REGISTRY
)
CARD_SESSIONS: Final = Counter(
    "kentcard_card_sessions", "Card sessions ended.", ["purpose", "result"], registry=REGISTRY
)


TERMINAL_HEARD: Final = Gauge(
    "kentcard_terminal_heard_timestamp_seconds",
    "When this process last heard how a terminal is.",
    ["terminal"],
    registry=REGISTRY,
)
TERMINAL_WAITING: Final = Gauge(
    "kentcard_terminal_taps_waiting",
    "Taps a terminal had not handed over when it last said.",
    ["terminal"],
    registry=REGISTRY,
)


def heard_of(terminal: str, waiting: int, now: datetime) -> None:
    """A terminal, by its id, said how it is."""
    TERMINAL_HEARD.labels(terminal).set(now.timestamp())
    TERMINAL_WAITING.labels(terminal).set(waiting)


@cache
def requests(method: str, route: str, status: int) -> Counter:
    """The count of one kind of answer. There are as many as there are lines in `/metrics`."""
    return REQUESTS.labels(method, route, status)
