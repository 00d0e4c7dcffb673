"""Counts for operators: nothing here says anything about a person or a card."""

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter

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


@cache
def requests(method: str, route: str, status: int) -> Counter:
    """The count of one kind of answer. There are as many as there are lines in `/metrics`."""
    return REQUESTS.labels(method, route, status)
