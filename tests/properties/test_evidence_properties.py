"""Evidence at the desk and in the rules: what would count is never turned away."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements.decision import Truth
from entitlements.facts import Evidence
from entitlements.schemes.checks import compile_check
from entitlements.schemes.explain import evidence_words
from identity.evidence import DocumentShown, SeenDocument, check_document, sole_proof
from tests.support.entitlement_cases import asked_for, resident

CHECKS = tuple(compile_check(each) for each in asked_for())


@pytest.mark.parametrize("kind", sorted(evidence_words()))
@settings(max_examples=50)
@given(
    dated=st.dates(date(2015, 1, 1), date(2035, 12, 31)),
    age=st.integers(0, 800) | st.integers(85, 95) | st.integers(355, 370),  # 3 and 12 months
    states=st.none() | st.integers(0, 4000),
)
def test_a_document_that_would_count_today_is_not_turned_away(
    kind: str, dated: date, age: int, states: int | None
) -> None:
    on = dated + timedelta(days=age)
    stated = None if states is None else on + timedelta(days=states)
    proof = sole_proof(kind)
    assert proof is not None
    recorded = check_document(DocumentShown(kind, dated, stated or ""), proof, on=on)
    shown = Evidence(kind=kind, dated=dated, sighted=on, stated_until=stated)
    assert isinstance(recorded, SeenDocument) or not _counts(shown)


def _counts(evidence: Evidence) -> bool:
    facts = resident(evidence=[evidence])
    return any(check(facts, evidence.sighted).truth is Truth.YES for check in CHECKS)
