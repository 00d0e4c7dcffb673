"""Products and charges are data with days; a file that cannot be meant is refused by its line."""

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardservice import products
from cardservice.charge_causes import Cause, Relief
from cardservice.errors import ProductsFaulty
from cardservice.products import (
    KENT_CARD,
    Maker,
    built_in,
    last_day_of,
    needs_new_face,
    products_in,
)
from entitlements.schemes.authorities import load_authorities
from entitlements.schemes.rulebook import built_in_book
from entitlements.schemes.tomlfile import TomlFile

TODAY = date(2026, 11, 22)
TEXT = products.BUILT_IN.read_text(encoding="utf-8")
MAIDSTONE, MEDWAY = "E07000110", "E06000035"


def _card(on: date = TODAY) -> products.Product:
    found = built_in().product(KENT_CARD, on)
    assert found is not None
    return found


def _pass() -> products.Product:
    found = built_in().product("travel-pass", TODAY)
    assert found is not None
    return found


def _lost_until(last: date) -> str:
    begins = '"lost"\nfrom = 2026-01-01'
    return TEXT.replace(begins, f"{begins}\nuntil = {last}")


def test_a_card_of_kent_ends_on_31_march_every_five_years() -> None:
    issuer = products.issuer_of(_card(), load_authorities(), MAIDSTONE, TODAY)
    assert issuer is not None
    assert issuer.id == "kent-county-council"
    assert last_day_of(_card(), issuer, TODAY) == date(2028, 3, 31)
    assert last_day_of(_card(), issuer, date(2028, 3, 31)) == date(2028, 3, 31)
    assert last_day_of(_card(), issuer, date(2028, 4, 1)) == date(2033, 3, 31)


@given(st.dates(date(2026, 1, 1), date(2099, 1, 1)), st.booleans())
def test_no_card_ever_lasts_more_than_five_years(first: date, has_rule: bool) -> None:  # noqa: FBT001  (hypothesis gives it)
    issuer = load_authorities().authorities[0] if has_rule else None
    last = last_day_of(_card(first), issuer, first)
    fifth = first.replace(year=first.year + 5, day=28 if first.day == 29 else first.day)
    assert first <= last < fifth + timedelta(days=2)
    if has_rule:
        assert (last.month, last.day, last.year % 5) == (3, 31, 3)


def test_a_travel_pass_is_issued_where_somebody_lives_and_shows_nothing_of_the_council() -> None:
    authorities = load_authorities()
    names = [
        issuer.id if (issuer := products.issuer_of(_pass(), authorities, where, TODAY)) else None
        for where in (MAIDSTONE, MEDWAY, "E08000003")
    ]
    assert names == ["kent-county-council", "medway-council", None]
    assert _pass().made_by == {Maker.BUREAU}
    assert not {"number", "code"} & set(_pass().face)


def test_the_strip_is_orange_for_who_has_both_passes_and_every_strip_is_of_a_scheme() -> None:
    assert _pass().strip_for(["travel-older"]) == "blue"
    assert _pass().strip_for(["travel-older", "travel-disabled"]) == "orange"
    assert _pass().strip_for(["library"]) is None
    assert set(_pass().strips) <= set(built_in_book().schemes)


def test_a_face_is_printed_again_when_it_says_what_is_not_so() -> None:
    assert needs_new_face(_pass(), "blue", ["travel-disabled"])
    assert not needs_new_face(_pass(), "blue", ["travel-older", "library"])
    assert not needs_new_face(_pass(), "blue", [])
    assert not needs_new_face(_card(), None, ["travel-older", "library"])


def test_replacements_cost_what_kent_asks() -> None:
    costs = {cause: built_in().cost(cause, TODAY) for cause in Cause}
    assert {cost.pence for cost in costs.values() if cost} == {1000}
    free = {cause: cost.free_for for cause, cost in costs.items() if cost and cost.free_for}
    assert free == {Cause.STOLEN: Relief.CRIME_REFERENCE, Cause.FAULTY: Relief.FAULTY}
    assert built_in().cost(Cause.LOST, date(2025, 12, 31)) is None


def test_a_new_price_holds_from_its_day() -> None:
    cheaper = '[[charges]]\ncause = "lost"\nfrom = 2027-04-01\npence = 500\n'
    ended = TEXT.replace(
        '"lost"\nfrom = 2026-01-01', '"lost"\nfrom = 2026-01-01\nuntil = 2027-03-31'
    )
    found = products_in(TomlFile("mine.toml", ended + cheaper))
    days = (date(2027, 3, 31), date(2027, 4, 1))
    assert [cost.pence for day in days if (cost := found.cost(Cause.LOST, day))] == [1000, 500]


FAULTS = {
    "longest_months = 60": ("longest_months = 61", "must be 60 or less"),
    'made_by = ["desk", "bureau"]': ('made_by = ["office"]', "there is no 'office'"),
    "pence = 1000": ("pence = -1", "must be 0 or more"),
    'cause = "lost"': ('cause = "eaten"', "there is no 'eaten'"),
    'cause = "damaged"': ('cause = "lost"', "'lost' has two entries for 2026-01-01"),
    'free_for = "crime-reference"': ('free_for = "kindness"', "there is no 'kindness'"),
    'id = "kent-card"': ('idd = "kent-card"', "'id' is missing"),
    "from = 2026-01-01": ("from = 2026-01-01\nuntil = 2025-01-01", "'until' is before 'from'"),
}


@pytest.mark.parametrize("good", list(FAULTS))
def test_a_bad_file_is_refused_with_the_line_named(good: str) -> None:
    bad, words = FAULTS[good]
    before = TEXT.index(good)
    text = TEXT[:before] + bad + TEXT[before + len(good) :]
    with pytest.raises(ProductsFaulty) as refused:
        products_in(TomlFile("mine.toml", text))
    assert words in str(refused.value)
    line = TEXT[:before].count("\n") + 1
    named = {int(fault.split("line ")[1].split(",")[0]) for fault in refused.value.faults}
    assert any(abs(line - one) <= 2 for one in named), refused.value.faults


def test_a_file_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductsFaulty, match=r"mine.toml, line 1, column \d+: not TOML"):
        products_in(TomlFile("mine.toml", "[[products"))
    with pytest.raises(ProductsFaulty, match="cannot be read"):
        products.load_products(tmp_path / "gone.toml")


def test_a_gap_between_two_prices_is_refused() -> None:
    ended = TEXT.replace(
        '"lost"\nfrom = 2026-01-01', '"lost"\nfrom = 2026-01-01\nuntil = 2026-12-31'
    )
    later = '[[charges]]\ncause = "lost"\nfrom = 2027-02-01\npence = 500\n'
    with pytest.raises(ProductsFaulty, match="has no entry between 2026-12-31 and 2027-02-01"):
        products_in(TomlFile("mine.toml", ended + later))


def test_products_are_values() -> None:
    with pytest.raises(AttributeError):
        _card().longest_months = 100  # type: ignore[misc]  # that it cannot be set is the test
    assert msgspec.structs.replace(_card(), name="Other").name == "Other"
