"""Postcodes and districts."""

from collections import Counter

import pytest

from identity.errors import BadPostcode
from identity.places import DISTRICTS, Unlisted, _district_codes, district_of, normalise_postcode


@pytest.mark.parametrize(
    "typed", ["ME14 1XQ", "me141xq", " Me14  1xQ ", "M E 1 4 1 X Q", "ME14\u00a01XQ"]
)
def test_spacing_and_case_do_not_matter(typed: str) -> None:
    assert normalise_postcode(typed) == "ME14 1XQ"


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", "ME14", "ME14 1", "ME14 1X", "ME14 1XQQ", "1ME4 1XQ", "ME14-1XQ", "ME14 1X0"),
        *("ME\u0661\u0664 1XQ", "\u017fE14 1XQ", "\x00", "ME14 1XQ" + " " * 100),
        "ME14\n\n1XQ; DROP TABLE",
    ],
)
def test_what_is_no_postcode_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(BadPostcode, match="like ME14 1XQ"):
        normalise_postcode(typed)


def test_the_table_is_the_one_that_was_counted() -> None:
    codes = _district_codes()
    assert len(codes) == 71_839
    counted = Counter(codes.values())
    assert set(counted) == set(DISTRICTS)
    assert counted["E06000035"] == 8_579
    assert sum(counted.values()) - counted["E06000035"] == 63_260
    for postcode in codes:
        assert normalise_postcode(postcode).replace(" ", "") == postcode


@pytest.mark.parametrize(
    ("postcode", "district", "upper_tier"),
    [
        ("ME14 1XQ", "Maidstone Borough Council", "Kent County Council"),
        ("BR6 7NZ", "Sevenoaks District Council", "Kent County Council"),
        ("ME4 4TR", "Medway Council", "Medway Council"),
    ],
)
def test_a_full_postcode_has_its_district(postcode: str, district: str, upper_tier: str) -> None:
    found = district_of(postcode)
    assert not isinstance(found, Unlisted)
    assert (found.name, found.upper_tier) == (district, upper_tier)


@pytest.mark.parametrize("postcode", ["BR6 0JA", "SW1A 1AA", "ME14 0ZZ"])
def test_an_area_that_reaches_into_kent_is_not_residence(postcode: str) -> None:
    assert district_of(postcode) == Unlisted(postcode)


def test_there_are_twelve_districts_and_medway() -> None:
    assert len(DISTRICTS) == 13
    assert sum(d.upper_tier == "Kent County Council" for d in DISTRICTS.values()) == 12
