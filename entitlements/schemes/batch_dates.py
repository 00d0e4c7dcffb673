"""`dates` and `pension` for columns of calendar days; `NaT` stays `NaT`."""

import numpy as np
from numpy.typing import NDArray

from entitlements.schemes.dates import MONTHS_IN_YEAR, NEVER, SCHOOL_YEAR_BEGINS
from entitlements.schemes.pension import PensionTable

ONE_DAY = np.timedelta64(1, "D")

Days = NDArray[np.datetime64]
"""`datetime64[D]`."""
Months = NDArray[np.int64]
_LAST_OF_ALL = np.datetime64(NEVER, "D")


def birthdays(born: Days, age: int) -> Days:
    """`dates.birthday` of each: only 29 February runs over its month's end, to 1 March."""
    return np.minimum(_unclamped(born, age * MONTHS_IN_YEAR), _LAST_OF_ALL)


def months_after(days: Days, months: int | Months) -> Days:
    """`dates.add_months` of each; `months` one for all or one for each."""
    following = (days.astype("datetime64[M]") + months + 1).astype("datetime64[D]")
    return np.minimum(np.minimum(_unclamped(days, months), following - ONE_DAY), _LAST_OF_ALL)


def school_years_of(born: Days, from_age: int, to_age: int) -> tuple[Days, Days]:
    """`dates.school_years` of each."""
    shift = MONTHS_IN_YEAR - SCHOOL_YEAR_BEGINS + 1  # 1 September becomes 1 January
    cohort = (born.astype("datetime64[M]") + shift).astype("datetime64[Y]")
    first = _first_of_september(cohort + from_age)
    last = _first_of_september(cohort + (to_age + 1)) - ONE_DAY
    return np.minimum(first, _LAST_OF_ALL), np.minimum(last, _LAST_OF_ALL)


def _first_of_september(years: NDArray[np.datetime64]) -> Days:
    begins: Days = (years.astype("datetime64[M]") + (SCHOOL_YEAR_BEGINS - 1)).astype(
        "datetime64[D]"
    )
    return begins


def pensionable_days(table: PensionTable, born: Days) -> Days:
    """`PensionTable.pensionable_on` of each."""
    rows = table.rows
    starts = np.array([row.born_from for row in rows], dtype="datetime64[D]")
    named = np.array([row.day for row in rows], dtype="datetime64[D]")
    months = np.array([row.months or 0 for row in rows], dtype=np.int64)
    row_of = np.searchsorted(starts, born, side="right") - 1
    months_of = months[row_of]
    day = np.minimum(_unclamped(born, months_of), _LAST_OF_ALL)
    odd = np.flatnonzero(months_of % MONTHS_IN_YEAR)
    day[odd] = months_after(born[odd], months_of[odd])
    by_law = named[row_of]
    return np.where(np.isnat(born) | np.isnat(by_law), day, by_law)


def _unclamped(days: Days, months: int | Months) -> Days:
    """The day as far into the later month as it was into its own, even past that month's end."""
    month = days.astype("datetime64[M]")
    later: Days = (month + months).astype("datetime64[D]") + (days - month.astype("datetime64[D]"))
    return later
