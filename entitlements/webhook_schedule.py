"""When a message that was not taken is sent again.

Source: Standard Webhooks 1.0.0, "Deliverability and reliability": the schedule is its example.
"""

import secrets
from datetime import timedelta
from typing import Final

WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""After each try that failed, 75 hours and 35 minutes in all. After the last it is given up."""
JITTER: Final = 0.1
"""A wait is longer by up to this part of it, so that what failed together is not tried together."""
_STEPS: Final = 1000


def wait_after(tries: int) -> timedelta | None:
    """How long to wait after so many tries, all of which failed; None: give it up."""
    if tries > len(WAITS):
        return None
    return WAITS[tries - 1] * (1 + JITTER * secrets.randbelow(_STEPS + 1) / _STEPS)
