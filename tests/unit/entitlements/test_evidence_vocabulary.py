"""One vocabulary of evidence: what a clerk records is what the rules ask for.

Identity's table says what a clerk may record, the schemes' table what it is called and by which
law; neither package may read the other's.
"""

from collections.abc import Mapping

import pytest

from entitlements.schemes.explain import evidence_words
from identity.evidence import KINDS, Proof, sole_proof
from tests.support.entitlement_cases import asked_for, shown_elsewhere

EVIDENCE = frozenset({Proof.BENEFIT, Proof.DISABILITY})
RECORDED = frozenset(kind.kind for kind in KINDS.values() if kind.proves & EVIDENCE)


ACCEPTED = frozenset(kind for each in asked_for() for kind in each.kinds) | shown_elsewhere()


def test_there_are_rules_that_ask_for_evidence() -> None:
    assert {"universal-credit", "disability-g-driving"} <= ACCEPTED


def test_a_clerk_can_record_every_kind_a_rule_accepts_and_none_that_serves_nothing() -> None:
    assert RECORDED == ACCEPTED


def test_both_tables_name_the_same_kinds() -> None:
    assert set(evidence_words()) == RECORDED


@pytest.mark.parametrize("kind", sorted(RECORDED))
def test_a_kind_proves_one_thing_so_that_no_clerk_is_asked_which(kind: str) -> None:
    assert sole_proof(kind) in EVIDENCE


def test_no_two_kinds_look_the_same_to_a_clerk_or_to_a_resident() -> None:
    for names in ({kind.kind: kind.name for kind in KINDS.values()}, evidence_words()):
        assert _repeated(names) == []


def _repeated(names: Mapping[str, str]) -> list[str]:
    shown = list(names.values())
    return [name for name in shown if shown.count(name) > 1]
