"""What holds of every decision, whatever the facts."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace
from numpy.typing import NDArray

from entitlements import answers
from entitlements.decision import (
    Eligible,
    NeedsEvidence,
    NeedsFacts,
    NotEligible,
    Truth,
)
from entitlements.facts import Evidence, ResidentFacts
from entitlements.schemes.batch import compile_numpy
from entitlements.schemes.batch_dates import (
    birthdays,
    months_after,
    pensionable_days,
    school_years_of,
)
from entitlements.schemes.columns import columns_of
from entitlements.schemes.dates import add_months, birthday, school_years
from entitlements.schemes.engine import Decide, compile_traced
from entitlements.schemes.pension import load_pension_table
from entitlements.schemes.rule import Scheme
from tests.support.entitlement_cases import (
    DISTRICTS,
    assert_same,
    everything,
    outcome,
)
from tests.support.reorganised import reorganised

KINDS = (
    *("universal-credit", "pension-credit", "pip-moving-around", "disability-a-sight"),
    *("blue-badge", "full-time-student", "carers-allowance"),
)
SCHEMES = sorted(everything())
ONE_DAY = timedelta(days=1)

# Often close together, so that documents are in force on the day, and side by side.
days = st.dates(date(2026, 6, 1), date(2028, 6, 30)) | st.dates(
    date(2005, 1, 1), date(2040, 12, 31)
)
leap_births = st.sampled_from([date(year, 2, 29) for year in range(1904, 2040, 4)])
births = st.one_of(st.dates(date(1900, 1, 1), date(2045, 12, 31)), leap_births)
documents = st.builds(
    Evidence,
    kind=st.sampled_from(KINDS),
    dated=days,
    sighted=days,
    stated_until=st.none() | days,
)
told = st.fixed_dictionaries(
    {},
    optional={
        "library_debt": st.sampled_from([0, 499, 500, 501, 10_000]),
        **{
            name: st.booleans()
            for name in ("guarantor", "library_exempt", "companion_agreed", "carer_of_member")
        },
    },
)
residents = st.builds(
    ResidentFacts,
    birth_date=st.just(UNSET) | births,
    district=st.just(UNSET) | st.sampled_from(sorted(DISTRICTS.values())),
    deceased=st.sampled_from([UNSET, False, False, False, True]),
    evidence=st.just(UNSET) | st.lists(documents, max_size=4).map(tuple),
    fed=st.just(UNSET) | told,
)
some_scheme = pytest.mark.parametrize("scheme_id", SCHEMES)
County = Mapping[str, Decide]


@pytest.fixture(scope="module", params=["as it is", "reorganised"])
def schemes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Scheme]:
    """The built-in rules, and a county whose areas, authorities and rules change on a day."""
    if request.param == "as it is":
        return everything()
    return {**everything(), **reorganised(tmp_path_factory.mktemp("rules"))}


@pytest.fixture(scope="module")
def county(schemes: Mapping[str, Scheme]) -> County:
    return {scheme_id: compile_traced(scheme) for scheme_id, scheme in schemes.items()}


@some_scheme
@given(people=st.lists(residents, max_size=12), on=days)
def test_one_by_one_and_all_at_once_say_the_same(
    schemes: Mapping[str, Scheme], scheme_id: str, people: list[ResidentFacts], on: date
) -> None:
    decide = compile_traced(schemes[scheme_id])
    batch = compile_numpy(schemes[scheme_id])(columns_of(people), on)
    assert_same([decide(facts, on) for facts in people], batch)


@some_scheme
@given(facts=residents, on=days, later=st.integers(0, 4000))
def test_nothing_changes_before_the_day_of_the_next_change(
    county: County, scheme_id: str, facts: ResidentFacts, on: date, later: int
) -> None:
    decision = county[scheme_id](facts, on)
    until = decision.next_change_on
    assert until is None or until > on
    day = min(on + later * ONE_DAY, (until or date.max) - ONE_DAY)
    same = county[scheme_id](facts, day)
    assert type(same) is type(decision)
    assert getattr(same, "band", None) == getattr(decision, "band", None)
    assert getattr(same, "needed", None) == getattr(decision, "needed", None)
    assert getattr(same, "uses", None) == getattr(decision, "uses", None)
    assert getattr(same, "eligible_from", None) == getattr(decision, "eligible_from", None)
    assert answers.substance(same) == answers.substance(decision)


@some_scheme
@given(facts=residents, on=days)
def test_the_day_promised_is_the_first_day_of_a_yes(
    county: County, scheme_id: str, facts: ResidentFacts, on: date
) -> None:
    decision = county[scheme_id](facts, on)
    if not isinstance(decision, NotEligible) or decision.eligible_from is None:
        return
    assert decision.eligible_from > on
    assert isinstance(county[scheme_id](facts, decision.eligible_from), Eligible)
    the_day_before = decision.eligible_from - ONE_DAY
    assert isinstance(county[scheme_id](facts, the_day_before), NotEligible)


@some_scheme
@given(
    facts=residents,
    on=days,
    forgotten=st.sets(st.sampled_from(ResidentFacts.__struct_fields__), min_size=1),
)
def test_forgetting_a_fact_never_turns_an_answer_round(
    county: County, scheme_id: str, facts: ResidentFacts, on: date, forgotten: set[str]
) -> None:
    """Knowing less may make an answer unknown; it never makes it the opposite."""
    knowing = outcome(county[scheme_id](facts, on))
    less = outcome(county[scheme_id](replace(facts, **dict.fromkeys(forgotten, UNSET)), on))
    assert less in {knowing, Truth.UNKNOWN}


@some_scheme
@given(facts=residents, on=days)
def test_the_answer_follows_from_the_trace_and_names_what_is_missing(
    county: County, scheme_id: str, facts: ResidentFacts, on: date
) -> None:
    decision = county[scheme_id](facts, on)
    outcomes = {step.outcome for step in decision.trace}
    assert all(step.why and "{" not in step.why for step in decision.trace)
    match decision:
        case Eligible():
            assert outcomes == {Truth.YES}
            assert decision.valid_from == on <= decision.valid_until
        case NotEligible():
            assert Truth.NO in outcomes
            assert decision.reasons
        case NeedsFacts() | NeedsEvidence():
            assert outcomes <= {Truth.YES, Truth.UNKNOWN}
            assert Truth.UNKNOWN in outcomes
            assert decision.needed


@given(facts=residents, on=days)
def test_nobody_is_eligible_for_both_travel_passes(
    county: County, facts: ResidentFacts, on: date
) -> None:
    both = [outcome(county[name](facts, on)) for name in ("travel-older", "travel-disabled")]
    assert both.count(Truth.YES) <= 1


@given(born=st.lists(births, min_size=1), age=st.integers(0, 130), months=st.integers(0, 1500))
def test_dates_in_columns_are_the_dates_of_one(born: list[date], age: int, months: int) -> None:
    column = birthdays(_column(born), age)
    assert column.tolist() == [birthday(each, age) for each in born]
    assert months_after(_column(born), months).tolist() == [
        add_months(each, months) for each in born
    ]
    firsts, lasts = school_years_of(_column(born), age, age + 2)
    assert list(zip(firsts.tolist(), lasts.tolist(), strict=True)) == [
        school_years(each, age, age + 2) for each in born
    ]
    table = load_pension_table()
    assert pensionable_days(table, _column(born)).tolist() == [
        table.pensionable_on(each) for each in born
    ]


def _column(days: list[date]) -> NDArray[np.datetime64]:
    return np.array(days, dtype="datetime64[D]")
