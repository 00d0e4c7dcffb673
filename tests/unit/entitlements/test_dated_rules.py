"""Areas, authorities and rules that change on a day, as data and without a line of Python."""

from collections.abc import Mapping
from datetime import date

import pytest

from entitlements.decision import Decision, Eligible, NotEligible
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.rule import Scheme
from tests.support.entitlement_cases import resident
from tests.support.reorganised import reorganised

OLD_ENOUGH = date(1950, 1, 1)


@pytest.fixture(scope="module")
def schemes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Scheme]:
    return reorganised(tmp_path_factory.mktemp("rules"))


def decide(schemes: Mapping[str, Scheme], home: str, on: date) -> Decision:
    return compile_traced(schemes["travel-older"])(resident(OLD_ENOUGH, home), on)


def test_a_district_that_leaves_the_area_loses_the_pass_on_that_day(
    schemes: Mapping[str, Scheme],
) -> None:
    before = decide(schemes, "Dartford", date(2028, 3, 31))
    after = decide(schemes, "Dartford", date(2028, 4, 1))
    assert isinstance(before, Eligible)
    assert before.next_change_on == date(2028, 4, 1)
    assert isinstance(after, NotEligible)
    assert after.eligible_from is None


def test_the_new_authority_sets_the_day_its_cards_end(schemes: Mapping[str, Scheme]) -> None:
    last_of_the_old = decide(schemes, "Maidstone", date(2028, 3, 31))
    first_of_the_new = decide(schemes, "Maidstone", date(2028, 4, 1))
    assert isinstance(last_of_the_old, Eligible)
    assert isinstance(first_of_the_new, Eligible)
    assert last_of_the_old.valid_until == date(2028, 3, 31)
    assert first_of_the_new.valid_until == date(2029, 6, 30)


def test_each_day_is_decided_by_the_version_in_force(schemes: Mapping[str, Scheme]) -> None:
    versions = {
        day: decide(schemes, "Maidstone", day).rule
        for day in (
            date(2010, 4, 5),
            date(2010, 4, 6),
            date(2029, 12, 31),
            date(2030, 1, 1),
            date(2036, 12, 31),
            date(2037, 1, 1),
        )
    }
    assert list(versions.values()) == ["", "1", "1", "2", "2", ""]


def test_a_new_version_is_a_day_of_change(schemes: Mapping[str, Scheme]) -> None:
    decision = decide(schemes, "Maidstone", date(2029, 12, 1))
    assert decision.next_change_on == date(2030, 1, 1)


def test_a_scheme_that_has_ended_says_since_when(schemes: Mapping[str, Scheme]) -> None:
    decision = decide(schemes, "Maidstone", date(2037, 1, 1))
    assert isinstance(decision, NotEligible)
    assert decision.reasons == ("This has not been offered since 1 January 2037.",)
    assert decision.eligible_from is None
    assert decision.next_change_on is None


def test_somebody_who_comes_of_age_after_the_scheme_ends_is_promised_nothing(
    schemes: Mapping[str, Scheme],
) -> None:
    decision = compile_traced(schemes["travel-older"])(
        resident(date(1980, 1, 1)), date(2026, 11, 22)
    )
    assert isinstance(decision, NotEligible)
    assert decision.eligible_from is None
