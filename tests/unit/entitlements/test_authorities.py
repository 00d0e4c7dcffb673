"""Who issues where and when, and bank holidays."""

from datetime import date, time
from pathlib import Path

import pytest

from entitlements.errors import SchemesFaulty
from entitlements.schemes.authorities import (
    BUILT_IN,
    CardExpiry,
    load_authorities,
    load_bank_holidays,
)
from tests.support.entitlement_cases import DISTRICTS

TODAY = date(2026, 11, 22)


def test_kent_issues_for_its_twelve_districts_and_medway_for_itself() -> None:
    authorities = load_authorities()
    issuing = {
        name: authority.id if (authority := authorities.issuing(code, TODAY)) else None
        for name, code in DISTRICTS.items()
    }
    assert issuing.pop("Medway") == "medway-council"
    assert issuing.pop("Bromley") is None
    assert len(issuing) == 12
    assert set(issuing.values()) == {"kent-county-council"}


def test_kent_starts_at_half_past_nine_and_medway_at_nine() -> None:
    authorities = load_authorities()
    kent = authorities.issuing(DISTRICTS["Maidstone"], TODAY)
    medway = authorities.issuing(DISTRICTS["Medway"], TODAY)
    assert kent is not None
    assert medway is not None
    assert (kent.travel.start, kent.travel.end) == (time(9, 30), time(23))
    assert (medway.travel.start, medway.travel.end) == (time(9), time(23))


@pytest.mark.parametrize(
    ("on", "ends"),
    [
        (date(2018, 4, 1), date(2023, 3, 31)),
        (date(2023, 3, 31), date(2023, 3, 31)),
        (date(2023, 4, 1), date(2028, 3, 31)),
        (date(2026, 11, 22), date(2028, 3, 31)),
        (date(2028, 3, 31), date(2028, 3, 31)),
        (date(2028, 4, 1), date(2033, 3, 31)),
        (date(2031, 1, 1), date(2033, 3, 31)),
    ],
)
def test_kents_cards_end_on_31_march_every_five_years(on: date, ends: date) -> None:
    assert CardExpiry(date(2028, 3, 31), 5).on_or_after(on) == ends


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('area = "kent"', 'area = "kant"', "column 1: there is no area 'kant'"),
        ("travel_start = 09:30:00", 'travel_start = "09:30"', "'travel_start' must be a time"),
        ("travel_start = 09:30:00", "travel_start = 23:30:00", "must be later than"),
        ("every_years = 5", "every_years = 0", "'every_years' must be 1 or more"),
        ("from = 1998-04-01", "from = 1998-04-31", "not TOML"),
        ("from = 1998-04-01", "from = 1998-04-01\nuntil = 1990-01-01", "'until' is before 'from'"),
        ('"E06000035"', '"E07000105"', "both issue for E07000105 on 1998-04-01"),
        ('"E06000035"', "35", "'districts' must list at least one text"),
        ('id = "medway"', 'id = "kent"', "area 'kent' overlaps its entry before"),
    ],
)
def test_a_faulty_file_is_refused_with_line_and_column(
    tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    text = BUILT_IN.read_text(encoding="utf-8")
    assert was in text
    faulty = tmp_path / "authorities.toml"
    faulty.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(SchemesFaulty) as raised:
        load_authorities(faulty)
    assert any(said in fault for fault in raised.value.faults), raised.value.faults
    assert all(fault.startswith("authorities.toml, line ") for fault in raised.value.faults)


KENT = """[[areas]]
id = "kent"
name = "Kent"
from = 2028-04-02
districts = ["E07000105"]
"""
NEW_COUNCIL = """[[areas]]
id = "kent"
name = "Kent"
from = 2028-04-01
districts = ["E07000105"]

[[authorities]]
id = "new-council"
name = "New Council"
area = "kent"
from = 2028-04-02
travel_start = 09:00:00
travel_end = 23:00:00
"""


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (KENT, "column 1: area 'kent' is nowhere between 2028-03-31 and 2028-04-02"),
        (
            NEW_COUNCIL,
            "'kent-county-council', 2028-03-31, and 'new-council', 2028-04-02",
        ),
    ],
)
def test_a_reorganisation_that_leaves_a_day_without_an_authority_is_refused(
    tmp_path: Path, added: str, said: str
) -> None:
    since = "from = 1974-04-01\n"
    ended = BUILT_IN.read_text(encoding="utf-8").replace(since, f"{since}until = 2028-03-31\n")
    faulty = tmp_path / "authorities.toml"
    faulty.write_text(f"{ended}\n{added}", encoding="utf-8")
    with pytest.raises(SchemesFaulty) as raised:
        load_authorities(faulty)
    [fault] = raised.value.faults
    assert said in fault
    assert fault.startswith("authorities.toml, line ")


def test_bank_holidays_are_those_of_england_and_wales() -> None:
    holidays = load_bank_holidays()
    assert date(2026, 12, 28) in holidays  # Boxing Day fell on a Saturday
    assert date(2026, 12, 25) in holidays
    assert date(2026, 12, 24) not in holidays
    assert {day.year for day in holidays} == set(range(2019, 2029))


def test_a_bank_holiday_without_a_date_is_refused_with_its_line(tmp_path: Path) -> None:
    faulty = tmp_path / "bank_holidays.csv"
    faulty.write_text("date,title\n2026-12-25,christmas\n,boxing_day\n", encoding="utf-8")
    with pytest.raises(SchemesFaulty, match=r"bank_holidays\.csv, line 3: the date is missing"):
        load_bank_holidays(faulty)
