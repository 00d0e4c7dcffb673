"""Whole days: birthdays, months from a day, and dates in words.

London's date at an instant is `readers.contract.windows.london_date`.
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import Final

NEVER: Final = date.max
"""Stands for "no day" where the earliest or latest of several days is wanted."""

ONE_DAY: Final = timedelta(days=1)
MONTHS_IN_YEAR: Final = 12
SCHOOL_YEAR_BEGINS: Final = 9  # the month
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def birthday(born: date, age: int) -> date:
    """The day somebody reaches an age; `NEVER` beyond the calendar's end.

    Somebody born on 29 February reaches it on 1 March in a common year.

    Source: the common law counts an age as reached at the start of the anniversary (Family Law
    Reform Act 1969 s.9), and no 29 February comes before 1 March in a common year.
    """
    year = born.year + age
    if year > NEVER.year:
        return NEVER
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day; `NEVER` beyond the calendar's end.

    Source: the corresponding date rule, Dodds v Walker [1981] 1 WLR 1027 (HL).
    """
    year, month = divmod(day.year * MONTHS_IN_YEAR + day.month - 1 + months, MONTHS_IN_YEAR)
    if year > NEVER.year:
        return NEVER
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def school_years(born: date, from_age: int, to_age: int) -> tuple[date, date]:
    """First and last day of the school years at whose eve somebody has one age to another.

    School years begin on 1 September, so the eve is 31 August: somebody born on it is the youngest
    of theirs. `NEVER` beyond the calendar's end.
    """
    cohort = born.year + (born.month >= SCHOOL_YEAR_BEGINS)
    first, last = cohort + from_age, cohort + to_age + 1
    return (
        date(first, SCHOOL_YEAR_BEGINS, 1) if first <= NEVER.year else NEVER,
        date(last, SCHOOL_YEAR_BEGINS, 1) - ONE_DAY if last <= NEVER.year else NEVER,
    )


def day_after(day: date) -> date:
    """The next day; `NEVER` stays `NEVER`."""
    return day if day == NEVER else day + ONE_DAY


def last_day(start: date, months: int) -> date:
    """The last day of a term of whole months that begins on `start`."""
    return add_months(start, months) - ONE_DAY


def in_words(day: date) -> str:
    """The date as GOV.UK writes it, for example `30 November 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
