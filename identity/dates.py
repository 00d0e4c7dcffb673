"""Dates as people in Kent write and count them."""

import calendar
import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_BRITISH = re.compile(r"([0-9]{1,2})[/. ]([0-9]{1,2})[/. ]([0-9]{4})")


def london_date(now: datetime) -> date:
    """The date in Kent at a moment (aware)."""
    return now.astimezone(LONDON).date()


def parse_date(text: str) -> date | None:
    """Read `1960-07-31` or `31/07/1960` (also with full stops or spaces). None: not a real date."""
    text = text.strip()
    if iso := _ISO.fullmatch(text):
        year, month, day = iso.groups()
    elif british := _BRITISH.fullmatch(text):
        day, month, year = british.groups()
    else:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def age_on(day: date, born: date) -> int:
    """Whole years of age. Somebody born on 29 February is a year older on 1 March in other years.

    Source: Family Law Reform Act 1969 s.9(1): an age is reached as the anniversary begins, and no
    29 February comes before 1 March in a common year.
    """
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def months_before(day: date, months: int) -> date:
    """The same day of the month, months earlier, or that month's last day."""
    count = day.year * 12 + day.month - 1 - months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
