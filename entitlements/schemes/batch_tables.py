"""Functions of a day as tables of day numbers: what calendars say of a birth is worked out once.

A calendar's arithmetic costs more than everything else in a decision. People were born on some
fifty thousand days, so a table of those fits the processor's cache.
"""

from collections.abc import Callable
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from entitlements.schemes.columns import (
    EPOCH,
    NO_DAY,
    DayNumbers,
    day_number,
    day_numbers,
)

CalendarDays = NDArray[np.datetime64]
_FIRST: Final = day_number(date(1900, 1, 1))
_LAST: Final = day_number(date(2039, 12, 31))


def by_table(work: Callable[[CalendarDays], CalendarDays]) -> Callable[[DayNumbers], DayNumbers]:
    """The same function of day numbers; `NO_DAY` stays `NO_DAY`.

    Days outside the table are worked out one by one.
    """
    tables: list[DayNumbers] = []

    def look(days: DayNumbers) -> DayNumbers:
        if not tables:
            tables.append(worked_out(work, np.arange(_FIRST, _LAST + 1, dtype=np.int32)))
        place = days - _FIRST
        found = tables[0].take(place, mode="clip")
        # Below the first day the place is negative, which unsigned is beyond the last.
        outside = np.flatnonzero(place.view(np.uint32) > np.uint32(_LAST - _FIRST))
        if len(outside):
            found[outside] = worked_out(work, days[outside])
        return found

    return look


def worked_out(work: Callable[[CalendarDays], CalendarDays], days: DayNumbers) -> DayNumbers:
    """A function of calendar days, of day numbers; `NO_DAY` stays `NO_DAY`."""
    found = np.full(len(days), NO_DAY)
    known = days != NO_DAY
    found[known] = day_numbers(work(EPOCH + days[known]))
    return found
