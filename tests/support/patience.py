"""Waiting for what another thread or process will do."""

import time
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds. Long, because machines are shared: a test that passes never waits for it."""


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; fail if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)
