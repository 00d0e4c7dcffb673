"""Decisions and schemes in words and as data."""

import json
from datetime import date

import pytest
from msgspec import UNSET

from entitlements.decision import Decision
from entitlements.errors import UnknownScheme
from entitlements.schemes.explain import (
    answer,
    enquiry,
    evidence_words,
    explain,
    list_schemes,
    scheme_named,
    to_data,
)
from tests.support.entitlement_cases import DISTRICTS, built_in, resident, seen, traced

MAIDSTONE = DISTRICTS["Maidstone"]
NOT_YET = date(2026, 11, 29)


def older(born: date | None, on: date) -> Decision:
    return traced("travel-older")(enquiry(born or UNSET, MAIDSTONE), on)


def test_not_yet_says_why_and_from_when() -> None:
    lines = explain(older(date(1960, 7, 31), NOT_YET))
    assert lines[:3] == [
        "travel-older on 29 November 2026: not yet",
        "reason: You reach the qualifying age on 30 November 2026.",
        "eligible from 2026-11-30",
    ]


def test_the_same_as_data_survives_json() -> None:
    data = json.loads(json.dumps(to_data(older(date(1960, 7, 31), NOT_YET))))
    assert data["answer"] == "not yet"
    assert data["eligible_from"] == data["next_change_on"] == "2026-11-30"
    assert data["reasons"] == ["You reach the qualifying age on 30 November 2026."]
    assert [step["outcome"] for step in data["trace"]] == ["yes", "yes", "no"]


def test_an_unknown_birth_date_is_asked_for_and_never_a_yes() -> None:
    decision = older(None, date(2100, 1, 1))
    assert answer(decision) == "unknown"
    assert explain(decision)[:2] == [
        "travel-older on 1 January 2100: unknown",
        "needed: a document that shows your date of birth",
    ]
    assert to_data(decision)["needed"] == ("birth_date",)


def test_a_yes_says_what_and_for_how_long() -> None:
    lines = explain(older(date(1960, 7, 31), date(2026, 11, 30)))
    assert lines[0].endswith(": yes")
    assert "class: older" in lines
    assert "valid: 2026-11-30 to 2028-03-31" in lines
    assert any("You reached the qualifying age on 30 November 2026." in line for line in lines)


def test_evidence_that_is_needed_is_named_in_words() -> None:
    scheme = "leisure-tonbridge-and-malling"
    decision = traced(scheme)(resident(UNSET, "Tonbridge and Malling"), NOT_YET)
    lines = explain(decision)
    assert "  a Universal Credit award of more than £0" in lines
    assert to_data(decision)["answer"] == "unknown"


def test_every_kind_of_evidence_a_rule_takes_has_words() -> None:
    words = evidence_words()
    for scheme_id in built_in():
        explain(traced(scheme_id)(resident(), NOT_YET))
    seen_kind = seen("pension-credit", NOT_YET)
    assert words[seen_kind.kind] == "a Pension Credit letter"


def test_schemes_are_listed_with_the_rule_in_force() -> None:
    listed = {row["scheme"]: row for row in list_schemes(built_in(), NOT_YET)}
    assert listed["travel-older"] == {
        "scheme": "travel-older",
        "title": "Older person’s bus pass",
        "service": "travel",
        "given": "automatically",
        "rule": "1",
        "effective_from": "2010-04-06",
        "effective_to": "",
        "law": "Transport Act 2000 s.145A; SI 2010/459 art. 2",
    }
    before = {row["scheme"]: row["rule"] for row in list_schemes(built_in(), date(2000, 1, 1))}
    assert set(before.values()) == {""}


def test_a_scheme_nobody_wrote_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownScheme, match=r"no scheme 'travel'\. There are: .*travel-older"):
        scheme_named(built_in(), "travel")
