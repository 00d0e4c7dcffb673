"""The clock that entry points read, real or simulated; everything below them takes ``now``."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from readers.errors import ClockRefused

Clock = Callable[[], datetime]
"""Answers the time as an aware UTC datetime."""

VARIABLE = "KENTCARD_CLOCK"


def system_clock() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  the one place that reads the clock


def clock_from_environment(environ: Mapping[str, str], *, demo: bool) -> Clock:
    """The clock an entry point shall use.

    ``KENTCARD_CLOCK`` may hold an ISO instant, at which the clock starts and from which it ticks,
    or the path of a file that :func:`set_demo_clock` writes, so that several processes share one
    simulated time and jump together.

    Raises:
        ClockRefused: if the variable is set outside demo mode, or holds neither.
    """
    setting = environ.get(VARIABLE, "").strip()
    if not setting:
        return system_clock
    if not demo:
        raise ClockRefused(f"{VARIABLE} is set, but only demo mode may simulate time.")
    if Path(setting).is_file():
        return _clock_of_file(Path(setting))
    started = system_clock()
    simulated = _instant(setting)
    return lambda: simulated + (system_clock() - started)


def set_demo_clock(path: Path, simulated: datetime) -> None:
    """Make every clock that follows ``path`` jump to ``simulated`` and tick on from there."""
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{system_clock().isoformat()} {simulated.astimezone(UTC).isoformat()}\n")
    os.replace(fresh, path)  # noqa: PTH105  atomic, so that no reader sees half a line


def _clock_of_file(path: Path) -> Clock:
    def now() -> datetime:
        real, _, simulated = path.read_text().strip().partition(" ")
        return _instant(simulated) + (system_clock() - _instant(real))

    now()
    return now


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ClockRefused(
            f"{VARIABLE} must be an ISO date and time with a zone, or the path of a clock file; "
            f"{text!r} is neither."
        ) from error
    if instant.tzinfo is None:
        raise ClockRefused(f"{VARIABLE} needs a time zone, for example 2026-11-30T09:00:00+00:00.")
    return instant.astimezone(UTC)
