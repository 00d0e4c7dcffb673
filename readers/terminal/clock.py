"""Whether this terminal's clock can be right. Nothing here reads it."""

from datetime import datetime
from typing import Final

from readers.contract.reasons import Reason
from readers.contract.tokens import SKEW

BUILD_YEAR: Final = 2026
"""A clock that shows an earlier year was never set: this program did not exist then."""


def clock_problem(now: datetime, *, server_time: datetime | None) -> Reason | None:
    """What is wrong with ``now``, as far as one can know.

    Args:
        now: aware UTC, what the terminal's clock shows.
        server_time: the latest time the server ever gave; None before it gave any.
    """
    latest = now + SKEW
    if latest.year < max(BUILD_YEAR, server_time.year if server_time else BUILD_YEAR):
        return Reason.CLOCK_UNSET
    if server_time is not None and latest < server_time:
        return Reason.CLOCK_BEHIND
    return None
