"""Pensionable age of a woman worked out from how the Acts step, without their table.

Each period of births begins on the 6th of a month. Where an Act names days, every month of births
later moves the day by two months (four in 2016 to 2018).
"""

import calendar
from collections.abc import Callable
from datetime import date

Reached = Callable[[date, int], date]
"""The day, from the birth date and the months of births since the period began."""


def pensionable_by_formula(born: date) -> date:
    begins, reached = next(period for period in reversed(PERIODS) if born >= period[0])
    return reached(born, _months_since(born, begins))


def _months_since(born: date, begins: date) -> int:
    """Whole months of births, each from a 6th to the next 5th."""
    return (born.year - begins.year) * 12 + born.month - begins.month - (born.day < 6)


def stepped(first: date, months: int) -> Reached:
    def reached(_born: date, since: int) -> date:
        moved = first.month - 1 + months * since
        return date(first.year + moved // 12, moved % 12 + 1, 6)

    return reached


def aged(years: int) -> Reached:
    def reached(born: date, _since: int) -> date:
        year = born.year + years
        if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
            return date(year, 3, 1)
        return date(year, born.month, born.day)

    return reached


def aged_and_one_month_more_each_month(years: int) -> Reached:
    def reached(born: date, since: int) -> date:
        moved = born.month - 1 + since + 1
        year, month = born.year + years + moved // 12, moved % 12 + 1
        return date(year, month, min(born.day, calendar.monthrange(year, month)[1]))

    return reached


PERIODS: tuple[tuple[date, Reached], ...] = (
    (date.min, aged(60)),
    (date(1950, 4, 6), stepped(date(2010, 5, 6), 2)),
    (date(1953, 4, 6), stepped(date(2016, 7, 6), 4)),
    (date(1953, 12, 6), stepped(date(2019, 3, 6), 2)),
    (date(1954, 10, 6), aged(66)),
    (date(1960, 4, 6), aged_and_one_month_more_each_month(66)),
    (date(1961, 3, 6), aged(67)),
    (date(1977, 4, 6), stepped(date(2044, 5, 6), 2)),
    (date(1978, 4, 6), aged(68)),
)
