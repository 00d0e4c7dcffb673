"""A clock that cannot be right is said to be wrong; one that may be right is believed."""

from datetime import UTC, datetime, timedelta

import pytest

from readers.contract.reasons import Reason
from readers.terminal.clock import clock_problem

SERVER = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "server_time", "problem"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), None, Reason.CLOCK_UNSET),
        (datetime(2025, 12, 31, 23, 58, tzinfo=UTC), None, Reason.CLOCK_UNSET),
        (datetime(2026, 1, 1, tzinfo=UTC), None, None),
        (datetime(2026, 12, 31, tzinfo=UTC), SERVER, Reason.CLOCK_UNSET),
        (SERVER - timedelta(seconds=61), SERVER, Reason.CLOCK_BEHIND),
        (SERVER - timedelta(days=50), SERVER, Reason.CLOCK_BEHIND),
        (SERVER - timedelta(seconds=60), SERVER, None),
        (SERVER, SERVER, None),
        (SERVER + timedelta(days=400), SERVER, None),
        (datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), None),
    ],
)
def test_what_is_wrong_with_the_clock(
    now: datetime, server_time: datetime | None, problem: Reason | None
) -> None:
    assert clock_problem(now, server_time=server_time) is problem
