"""When a journey may begin: London's wall clock decides, to the second.

Source: the relevant times of SI 2010/459 and the concessionary scheme: Monday to Friday from 09:30
to 23:00, all day on Saturdays, Sundays and bank holidays; clock changes by the Summer Time Act
1972 at 01:00 UTC on the last Sundays of March and October.
"""

from datetime import UTC, date, datetime, time

import pytest

from readers.contract.windows import LONDON, DatedWindow, Window, is_open, london_date

KENT = Window(time(9, 30), time(23))
BANK_HOLIDAYS = frozenset({date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1)})


def in_london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


@pytest.mark.parametrize(
    ("wall_clock", "may_begin"),
    [
        pytest.param("2026-12-01T00:00:00", False, id="a working day has just begun"),
        pytest.param("2026-12-01T09:29:59", False, id="one second early"),
        pytest.param("2026-12-01T09:29:59.999999", False, id="a millionth early"),
        pytest.param("2026-12-01T09:30:00", True, id="on time"),
        pytest.param("2026-12-01T22:59:59", True, id="the last second"),
        pytest.param("2026-12-01T23:00:00", False, id="the window has ended"),
        pytest.param("2026-12-04T09:10:00", False, id="Friday morning"),
        pytest.param("2026-12-05T00:00:00", True, id="Saturday begins"),
        pytest.param("2026-12-06T23:59:59", True, id="Sunday ends"),
        pytest.param("2026-12-07T00:00:00", False, id="Monday begins"),
        pytest.param("2026-12-25T07:00:00", True, id="Christmas, a Friday"),
        pytest.param("2026-12-28T09:10:00", True, id="the substitute day for Boxing Day"),
        pytest.param("2026-12-29T09:10:00", False, id="the day after it"),
        pytest.param("2026-07-01T09:29:59", False, id="in summer, one second early"),
        pytest.param("2026-07-01T09:30:00", True, id="in summer, on time"),
    ],
)
def test_the_window_to_the_second(wall_clock: str, may_begin: bool) -> None:  # noqa: FBT001  a table
    assert is_open(KENT, in_london(wall_clock), BANK_HOLIDAYS) is may_begin


@pytest.mark.parametrize(
    ("utc", "may_begin"),
    [
        pytest.param("2026-03-27T09:29:59", False, id="the last Friday of winter, 09:29:59"),
        pytest.param("2026-03-27T09:30:00", True, id="the last Friday of winter, 09:30"),
        pytest.param("2026-03-29T00:59:59", True, id="the clocks go forward in a second"),
        pytest.param("2026-03-29T01:00:00", True, id="the clocks have gone forward"),
        pytest.param("2026-03-29T22:59:59", True, id="the Sunday ends an hour sooner"),
        pytest.param("2026-03-29T23:00:00", False, id="and Monday has begun, in London"),
        pytest.param("2026-03-30T08:29:59", False, id="the first Monday of summer, 09:29:59"),
        pytest.param("2026-03-30T08:30:00", True, id="the first Monday of summer, 09:30"),
        pytest.param("2026-10-23T08:29:59", False, id="the last Friday of summer, 09:29:59"),
        pytest.param("2026-10-23T08:30:00", True, id="the last Friday of summer, 09:30"),
        pytest.param("2026-10-25T00:30:00", True, id="the hour that comes twice, first time"),
        pytest.param("2026-10-25T01:30:00", True, id="the hour that comes twice, again"),
        pytest.param("2026-10-25T23:59:59", True, id="the Sunday ends"),
        pytest.param("2026-10-26T00:00:00", False, id="Monday has begun"),
        pytest.param("2026-10-26T09:29:59", False, id="the first Monday of winter, 09:29:59"),
        pytest.param("2026-10-26T09:30:00", True, id="the first Monday of winter, 09:30"),
    ],
)
def test_both_clock_changes(utc: str, may_begin: bool) -> None:  # noqa: FBT001  a table
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert is_open(KENT, now, BANK_HOLIDAYS) is may_begin


def test_medway_begins_half_an_hour_earlier() -> None:
    medway = Window(time(9), time(23))
    assert not is_open(medway, in_london("2026-12-01T08:59:59"), BANK_HOLIDAYS)
    assert is_open(medway, in_london("2026-12-01T09:00:00"), BANK_HOLIDAYS)


def test_a_summer_evening_is_tomorrow_in_london() -> None:
    assert london_date(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == date(2026, 7, 2)
    assert london_date(datetime(2026, 12, 1, 23, 30, tzinfo=UTC)) == date(2026, 12, 1)


def test_a_window_that_ends_at_midnight_lasts_to_the_end_of_the_day() -> None:
    until_midnight = Window(time(9), time(0))
    assert not is_open(until_midnight, in_london("2026-12-01T08:59:59"), BANK_HOLIDAYS)
    assert is_open(until_midnight, in_london("2026-12-01T23:59:59"), BANK_HOLIDAYS)


def test_a_dated_window_holds_on_its_first_and_last_day_and_no_other() -> None:
    first, last = date(2028, 4, 1), date(2029, 3, 31)
    row = DatedWindow(first=first, last=last, start=time(9), end=time(23))
    days = (date(2028, 3, 31), first, last, date(2029, 4, 1))
    assert [row.covers(day) for day in days] == [False, True, True, False]
    assert DatedWindow(first=first, start=time(9), end=time(23)).covers(date(2090, 1, 1))
