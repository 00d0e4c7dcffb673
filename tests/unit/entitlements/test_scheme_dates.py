from datetime import date

import pytest

from entitlements.schemes.dates import NEVER, add_months, birthday, day_after, in_words, last_day


@pytest.mark.parametrize(
    ("born", "age", "day"),
    [
        (date(2008, 2, 29), 18, date(2026, 3, 1)),
        (date(2008, 2, 29), 20, date(2028, 2, 29)),
        (date(1900, 2, 28), 100, date(2000, 2, 28)),
        (date(1960, 12, 31), 66, date(2026, 12, 31)),
        (date(9990, 1, 1), 18, NEVER),
    ],
)
def test_birthdays(born: date, age: int, day: date) -> None:
    assert birthday(born, age) == day


@pytest.mark.parametrize(
    ("start", "months", "day"),
    [
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 31), 0, date(2026, 12, 31)),
        (date(2026, 12, 31), -1, date(2026, 11, 30)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(9999, 12, 1), 1, NEVER),
    ],
)
def test_months_end_with_their_month(start: date, months: int, day: date) -> None:
    assert add_months(start, months) == day


def test_a_term_of_months_ends_the_day_before_it_would_begin_again() -> None:
    assert last_day(date(2026, 11, 22), 18) == date(2028, 5, 21)


def test_never_stays_never() -> None:
    assert day_after(NEVER) == NEVER


def test_dates_are_written_as_gov_uk_writes_them() -> None:
    assert in_words(date(2026, 3, 1)) == "1 March 2026"
