"""When in London's day a travel entitlement may begin a journey.

Source: Transport Act 2000 s.145A and s.93 Transport Act 1985 (a local authority may start
earlier); relevant times 09:30 to 23:00 Monday to Friday, all day at weekends and bank holidays.
"""

from collections.abc import Collection
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import msgspec

LONDON = ZoneInfo("Europe/London")
SATURDAY = 5
MIDNIGHT = time.min


class Window(msgspec.Struct, frozen=True):
    """Times of a working day, London time: from ``start`` (included) to ``end`` (excluded).

    An ``end`` of 00:00 is the end of the day.
    """

    start: time
    end: time


STATUTORY = Window(time(9, 30), time(23))
"""What the law gives where no authority says more."""


class DatedWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The window from ``first`` to ``last``, both included; without ``last`` no end is set."""

    first: date
    last: date | None = None
    start: time
    end: time

    def covers(self, day: date) -> bool:
        """Whether these are the times of that day."""
        return self.first <= day and (self.last is None or day <= self.last)

    @property
    def window(self) -> Window:
        """The times alone."""
        return Window(self.start, self.end)


def london(now: datetime) -> datetime:
    """The same instant on a London clock."""
    return now.astimezone(LONDON)


def london_date(now: datetime) -> date:
    """The day in London at that instant."""
    return london(now).date()


def is_free_day(day: date, bank_holidays: Collection[date]) -> bool:
    """Whether no window applies all day: Saturday, Sunday or bank holiday."""
    return day.weekday() >= SATURDAY or day in bank_holidays


def is_open(window: Window, now: datetime, bank_holidays: Collection[date]) -> bool:
    """Whether a journey may begin at ``now`` (aware; to the second: 09:29:59 no, 09:30:00 yes).

    Both clock changes fall at 01:00 UTC on Sundays, when no window applies; the wall clock of
    London decides in every case.
    """
    local = london(now)
    if is_free_day(local.date(), bank_holidays):
        return True
    at = local.time()
    return window.start <= at and (window.end == MIDNIGHT or at < window.end)
