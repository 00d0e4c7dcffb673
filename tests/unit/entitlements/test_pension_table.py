"""The pension table: against a formula of its own, and with faults."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from entitlements.errors import SchemesFaulty
from entitlements.schemes.csvfiles import TABLES
from entitlements.schemes.pension import load_pension_table
from tests.support.pension_formula import pensionable_by_formula

BUILT_IN = TABLES / "state_pension_age.csv"


def test_the_table_agrees_with_the_formula_on_every_birth_date_from_1900_to_2010() -> None:
    table = load_pension_table()
    first = date(1900, 1, 1)
    births = [first + timedelta(days=n) for n in range((date(2011, 1, 1) - first).days)]
    wrong = [born for born in births if table.pensionable_on(born) != pensionable_by_formula(born)]
    assert wrong == []


@pytest.mark.parametrize(
    ("born", "pensionable"),
    [
        (date(1960, 7, 31), date(2026, 11, 30)),
        (date(1960, 12, 31), date(2027, 9, 30)),
        (date(1961, 1, 31), date(2027, 11, 30)),
        (date(1956, 2, 29), date(2022, 3, 1)),
        (date(1944, 2, 29), date(2004, 2, 29)),
    ],
)
def test_days_the_law_or_the_calendar_makes_special(born: date, pensionable: date) -> None:
    assert load_pension_table().pensionable_on(born) == pensionable


def test_the_rows_for_women_and_for_everybody_are_used_and_the_one_for_men_is_not() -> None:
    rows = load_pension_table().rows
    assert len(rows) == 81
    assert all("man born" not in row.source or "woman born" in row.source for row in rows)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("F,1950-04-06,", "F,1950-04-07,", "line 3: births must follow on"),
        ("FM,1978-04-06,,", "FM,1978-04-06,2000-01-01,", "the last row must have no dob_to"),
        ("F,,1950-04-05", "F,1900-01-01,1950-04-05", "the first row must have no dob_from"),
        ("age,66,1,,", "age,,,,", "give either pensionable_date or age_years"),
        ("2010-05-06,", "6 May 2010,", "pensionable_date '6 May 2010' is not a date"),
        ("age,66,1,,", "age,66x,1,,", "age_years '66x' is not a whole number"),
        ("pensionable_date,source", "pension_day,source", "no column 'pensionable_date'"),
    ],
)
def test_a_faulty_table_is_refused_with_file_and_line(
    tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    text = BUILT_IN.read_text(encoding="utf-8")
    assert was in text
    faulty = tmp_path / "state_pension_age.csv"
    faulty.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(SchemesFaulty, match=said) as raised:
        load_pension_table(faulty)
    assert all(fault.startswith("state_pension_age.csv, line ") for fault in raised.value.faults)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemesFaulty, match=r"state_pension_age\.csv: there is no such table"):
        load_pension_table(tmp_path / "state_pension_age.csv")


def test_a_table_without_a_row_for_women_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "state_pension_age.csv"
    empty.write_text("applies_to,dob_from\nM,\n", encoding="utf-8")
    with pytest.raises(SchemesFaulty, match="no row applies to women"):
        load_pension_table(empty)
