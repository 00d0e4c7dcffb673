"""How long before an end somebody is told; pure."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute


class Window(msgspec.Struct, frozen=True):
    """More than `after` days before the last day, and at most `within`."""

    after: int
    within: int

    def holds(self, last: date, on: date) -> bool:
        """Whether somebody is told on a day of what ends with the day `last`."""
        return self.after < (last - on).days <= self.within

    def of(
        self,
        last: InstrumentedAttribute[date] | InstrumentedAttribute[date | None],
        on: date,
        *,
        over: bool = False,
    ) -> ColumnElement[bool]:
        """The same of a column of last days; `over`: of the days after them."""
        first = on + timedelta(days=1 if over else 0)
        return (last > first + timedelta(days=self.after)) & (
            last <= first + timedelta(days=self.within)
        )


def windows_of(days: Sequence[int]) -> Sequence[Window]:
    """Each length of notice, from the next shorter one; the shortest from the last day itself.

    Whoever was not told in time is told once, by the shortest notice that still is one.
    """
    ordered = sorted(set(days))
    return tuple(map(Window, [-1, *ordered[:-1]], ordered))
