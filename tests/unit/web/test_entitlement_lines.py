"""What a page says about each way a decision can come out."""

from datetime import UTC, date, datetime
from uuid import uuid4

import msgspec
import pytest

from cardservice.web.entitlement_lines import TAGS, Standing, line, lines
from entitlements.assessing import Explained
from entitlements.decision import Eligible
from entitlements.facts import ResidentFacts
from entitlements.grant_states import GrantState
from entitlements.models import Grant
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.rule import Given
from entitlements.schemes.rulebook import load_schemes

ON = date(2026, 11, 22)
MAIDSTONE = "E07000110"
SCHEMES = load_schemes()


def decided(scheme: str, facts: ResidentFacts, on: date = ON) -> Explained:
    """What the real rule says."""
    return Explained(SCHEMES[scheme].title, compile_traced(SCHEMES[scheme])(facts, on), None)


def resident(born: date, *, district: str = MAIDSTONE) -> ResidentFacts:
    return ResidentFacts(birth_date=born, district=district, deceased=False, evidence=())


def test_not_yet_names_the_day_and_the_reason() -> None:
    shown = line(decided("travel-older", resident(date(1960, 7, 31))), on=ON)
    assert shown.standing is Standing.NOT_YET
    assert shown.tag == "Not yet"
    assert shown.dates == (
        "From 30 November 2026, if nothing else changes. There is no need to apply."
    )
    assert shown.why_not == ("You reach the qualifying age on 30 November 2026.",)
    assert shown.changes == ""
    assert shown.is_travel
    assert any("Transport Act 2000" in law for law in shown.laws)


def test_on_the_day_it_is_being_added_until_it_is_held() -> None:
    on = date(2026, 11, 30)
    shown = line(decided("travel-older", resident(date(1960, 7, 31)), on), on=on)
    assert shown.standing is Standing.BEING_ADDED
    assert shown.why_not == ()
    assert shown.why


def test_what_is_held_says_from_when_until_when() -> None:
    explained = decided("library", resident(date(1960, 7, 31)))
    shown = line(with_grant(explained, date(2026, 11, 22)), on=ON)
    assert shown.standing is Standing.HELD
    assert shown.dates == "From 22 November 2026 until the end of 21 November 2031."
    assert not shown.is_travel
    later = line(with_grant(explained, date(2026, 11, 23)), on=ON)
    assert later.standing is Standing.STARTS_LATER


def test_proof_that_is_needed_is_named_and_is_no_refusal() -> None:
    shown = line(decided("travel-disabled", resident(date(1990, 1, 1))), on=ON)
    assert shown.standing is Standing.PROOF_NEEDED
    assert len(shown.needed) == 1
    assert "proof" in shown.needed[0]
    assert shown.why_not == ()


def test_living_elsewhere_is_not_eligible_and_asks_for_no_proof() -> None:
    shown = line(decided("leisure-tonbridge-and-malling", resident(date(1990, 1, 1))), on=ON)
    assert shown.standing is Standing.NOT_ELIGIBLE
    assert shown.needed == ()
    assert "Your main home is not in Tonbridge and Malling" in shown.why_not[0]


def test_an_unknown_fact_is_never_shown_as_a_yes() -> None:
    shown = line(decided("travel-older", ResidentFacts()), on=ON)
    assert shown.standing is Standing.UNKNOWN
    assert shown.needed
    assert shown.why == ()


def test_what_is_held_comes_first_and_what_is_out_of_reach_last() -> None:
    facts = resident(date(1960, 7, 31))
    explained = [decided(scheme, facts) for scheme in sorted(SCHEMES)]
    explained = [
        with_grant(each, ON) if each.decision.scheme == "library" else each for each in explained
    ]
    assert [each.standing for each in lines(explained, on=ON)] == [
        Standing.HELD,
        Standing.NOT_YET,
        *[Standing.PROOF_NEEDED] * 3,  # travel for disabled people, Blue Badge, Better
        Standing.UNKNOWN,  # the companion: whether the council has agreed
        *[Standing.NOT_ELIGIBLE] * 4,
    ]


def test_what_is_bought_is_offered_and_never_being_added() -> None:
    bought = decided("travel-16-plus", resident(date(2009, 1, 15)))
    shown = line(with_terms(bought, Given.ON_APPLICATION, notes=("£400 a year.",)), on=ON)
    assert shown.standing is Standing.OFFERED
    assert shown.tag == "You can apply"
    assert shown.notes == ("£400 a year.",)


def test_what_others_gave_is_held_until_the_day_that_staff_saw() -> None:
    badge = decided("blue-badge", resident(date(1960, 7, 31)))
    shown = line(with_terms(badge, Given.ELSEWHERE, until=date(2028, 5, 1)), on=ON)
    assert shown.standing is Standing.HELD
    assert shown.dates == "Until the end of 1 May 2028."
    assert shown.needed == ()


def with_terms(
    explained: Explained, given: Given, *, notes: tuple[str, ...] = (), until: date | None = None
) -> Explained:
    return Explained(explained.title, explained.decision, None, given, notes, until)


@pytest.mark.parametrize("standing", Standing)
def test_every_standing_has_its_words_and_a_colour_of_its_own(standing: Standing) -> None:
    assert TAGS[standing]
    assert len({each.value for each in Standing}) == len(Standing)


def with_grant(explained: Explained, first: date) -> Explained:
    decision = explained.decision
    last = decision.valid_until if isinstance(decision, Eligible) else date(2031, 11, 21)
    held = Grant(
        account_id=uuid4(),
        scheme=decision.scheme,
        service=decision.service,
        entitlement_class="any",
        valid_from=first,
        valid_until=last,
        granted_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    return Explained(explained.title, decision, held)


@pytest.mark.parametrize(
    ("state", "tag", "leads_to"),
    [
        (GrantState.OFFERED, "Offered to you", "/offers/library"),
        (GrantState.DECLINED, "You said no", "/offers/library"),
        (GrantState.APPLIED, "Applied for", None),
        (GrantState.SUSPENDED, "Suspended", None),
    ],
)
def test_what_is_not_in_use_says_how_far_it_is_and_where_to_answer(
    state: GrantState, tag: str, leads_to: str | None
) -> None:
    explained = with_grant(decided("library", resident(date(1960, 7, 31))), ON)
    assert explained.held is not None
    explained.held.state = state
    stands = msgspec.structs.replace(explained, held=None, stands=explained.held)
    shown = line(stands, on=ON)
    assert shown.tag == tag
    assert (shown.lead.path if shown.lead else None) == leads_to


def test_only_what_can_still_be_decided_leads_to_applying_for_it() -> None:
    leads = {
        scheme: line(decided(scheme, resident(date(1990, 7, 31))), on=ON).lead
        for scheme in ("travel-disabled", "travel-older", "library")
    }
    assert {scheme: lead.path for scheme, lead in leads.items() if lead} == {
        "travel-disabled": "/apply/travel-disabled"
    }
    badge = with_terms(decided("blue-badge", resident(date(1990, 7, 31))), Given.ELSEWHERE)
    assert line(badge, on=ON).lead is None
