"""The day a person reaches pensionable age, by the law's own table.

An older person's pass depends on the pensionable age of a woman born on the same day, so only the
table's rows for women (`F`) and for everybody (`FM`) are used; the row for men is not.

Source: SI 2010/459 art. 2; Pensions Act 1995 Sch. 4 para. 1 as amended in 2007, 2011 and 2014; each
row of `tables/state_pension_age.csv` names its own.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import msgspec

from entitlements.errors import SchemesFaulty
from entitlements.schemes.csvfiles import TABLES, Row, read_rows
from entitlements.schemes.dates import MONTHS_IN_YEAR, add_months, birthday, day_after


class PensionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody born from `born_from` until the next row begins.

    Attributes:
        months: pensionable age in months, or None where the law names the day itself.
        day: that day, where the law names it.
        source: the enactment.
    """

    born_from: date
    months: int | None
    day: date | None
    source: str


class PensionTable:
    """The rows that apply to a woman, in order of birth, without gaps."""

    def __init__(self, rows: Sequence[PensionRow]) -> None:
        self.rows = tuple(rows)
        self._starts = [row.born_from for row in self.rows]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PensionTable) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(self.rows)

    @property
    def youngest(self) -> int:
        """The least age, in whole years, at which the table makes anybody pensionable."""
        whole = [row.months // MONTHS_IN_YEAR for row in self.rows if row.months is not None]
        return min(whole, default=0)

    def row_for(self, born: date) -> PensionRow:
        """The row for somebody born that day."""
        return self.rows[bisect_right(self._starts, born) - 1]

    def pensionable_on(self, born: date) -> date:
        """The day somebody born then reaches pensionable age.

        An age in whole years is reached on the birthday. An age in years and months is reached on
        the same day of the month or, if that month is too short, on its last day.
        """
        row = self.row_for(born)
        if row.day is not None:
            return row.day
        months = row.months or 0
        years, odd_months = divmod(months, MONTHS_IN_YEAR)
        return add_months(born, months) if odd_months else birthday(born, years)


def load_pension_table(path: Path = TABLES / "state_pension_age.csv") -> PensionTable:
    """The table in a CSV file; the one that ships with the schemes if none is named.

    Raises:
        SchemesFaulty: rows leave a gap, overlap, or give neither a day nor an age. All are listed.
    """
    return pension_table(path.name, read_rows(path))


def pension_table(name: str, rows: Sequence[Row]) -> PensionTable:
    """The same from rows that were read already.

    Raises:
        SchemesFaulty: as `load_pension_table`.
    """
    lines = [line for line in rows if line.text("applies_to") in {"F", "FM"}]
    if not lines:
        raise SchemesFaulty([f"{name}: no row applies to women"])
    faults = [*_breaks(lines), *_without_an_answer(lines)]
    if faults:
        raise SchemesFaulty(faults)
    return PensionTable([_row(line) for line in lines])


def _breaks(lines: Sequence[Row]) -> Iterator[str]:
    for before, after in pairwise(lines):
        ends, starts = before.day("dob_to"), after.day("dob_from")
        if ends is None or starts != day_after(ends):
            yield f"{after.place}: births must follow on from the row before, without gap"
    if lines[0].day("dob_from") is not None:
        yield f"{lines[0].place}: the first row must have no dob_from"
    if lines[-1].day("dob_to") is not None:
        yield f"{lines[-1].place}: the last row must have no dob_to"


def _without_an_answer(lines: Sequence[Row]) -> Iterator[str]:
    for line in lines:
        if (line.day("pensionable_date") is None) == (line.number("age_years") is None):
            yield f"{line.place}: give either pensionable_date or age_years and age_months"


def _row(line: Row) -> PensionRow:
    years, months = line.number("age_years"), line.number("age_months")
    return PensionRow(
        born_from=line.day("dob_from") or date.min,
        months=None if years is None else years * MONTHS_IN_YEAR + (months or 0),
        day=line.day("pensionable_date"),
        source=line.text("source"),
    )
