"""What tests of the rules share: facts in short, and both engines held against each other."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache

import numpy as np
from msgspec import UNSET, UnsetType

from entitlements.decision import Decision, Eligible, NotEligible, Truth
from entitlements.facts import Evidence, Fed, ResidentFacts
from entitlements.schemes.batch import NO, UNKNOWN, YES, BatchDecide, BatchDecision, compile_numpy
from entitlements.schemes.columns import columns_of, day_of
from entitlements.schemes.engine import Decide, compile_traced
from entitlements.schemes.rule import HasEvidence, Scheme
from entitlements.schemes.rulebook import BUILT_IN, load_schemes, open_book, texts_of

DISTRICTS = {
    "Ashford": "E07000105",
    "Canterbury": "E07000106",
    "Dartford": "E07000107",
    "Dover": "E07000108",
    "Gravesham": "E07000109",
    "Maidstone": "E07000110",
    "Sevenoaks": "E07000111",
    "Folkestone and Hythe": "E07000112",
    "Swale": "E07000113",
    "Thanet": "E07000114",
    "Tonbridge and Malling": "E07000115",
    "Tunbridge Wells": "E07000116",
    "Medway": "E06000035",
    "Bromley": "E09000006",
}

EXAMPLES = BUILT_IN / "examples"
CODES = {Truth.YES: YES, Truth.UNKNOWN: UNKNOWN, Truth.NO: NO}


@cache
def built_in() -> dict[str, Scheme]:
    return dict(load_schemes())


@cache
def everything() -> dict[str, Scheme]:
    """The built-in schemes and the examples of offers."""
    examples = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.toml")}
    return dict(open_book({**texts_of(), **examples}).schemes)


def asked_for() -> tuple[HasEvidence, ...]:
    """Every condition of every rule that asks for evidence."""
    rules = [rule for scheme in built_in().values() for rule in scheme.rules]
    operators = [condition.operator for rule in rules for condition in rule.conditions]
    return tuple(each for each in operators if isinstance(each, HasEvidence))


def shown_elsewhere() -> frozenset[str]:
    """Kinds of evidence that show an entitlement others give."""
    return frozenset(scheme.shown_by for scheme in built_in().values()) - {""}


@cache
def traced(scheme_id: str) -> Decide:
    return compile_traced(everything()[scheme_id])


@cache
def vectorised(scheme_id: str) -> BatchDecide:
    return compile_numpy(everything()[scheme_id])


def resident(
    born: date | UnsetType = UNSET,
    home: str | UnsetType = "Maidstone",
    evidence: Sequence[Evidence] | UnsetType = UNSET,
    *,
    deceased: bool | UnsetType = False,
    fed: Mapping[str, Fed] | UnsetType = UNSET,
) -> ResidentFacts:
    """A living resident of Maidstone, unless said otherwise."""
    return ResidentFacts(
        birth_date=born,
        district=UNSET if home is UNSET else DISTRICTS[home],
        deceased=deceased,
        evidence=UNSET if evidence is UNSET else tuple(evidence),
        fed=fed,
    )


def seen(kind: str, dated: date, stated_until: date | None = None) -> Evidence:
    """A document seen on the day it is dated."""
    return Evidence(kind=kind, dated=dated, sighted=dated, stated_until=stated_until)


def decide_both_ways(scheme_id: str, people: Sequence[ResidentFacts], on: date) -> list[Decision]:
    """Each person's decision, once the NumPy engine has been shown to say the same of everybody."""
    decisions = [traced(scheme_id)(facts, on) for facts in people]
    assert_same(decisions, vectorised(scheme_id)(columns_of(people), on))
    return decisions


def assert_same(decisions: Sequence[Decision], batch: BatchDecision) -> None:
    for place, decision in enumerate(decisions):
        assert batch.rule == decision.rule
        assert batch.outcome[place] == CODES[outcome(decision)]
        assert day_of(batch.next_change_on[place]) == decision.next_change_on
        if batch.rule:
            assert batch.conditions == tuple(step.condition for step in decision.trace)
        assert _names(batch, batch.failed[place]) == _came_out(decision, batch, Truth.NO)
        assert _names(batch, batch.unknown[place]) == _came_out(decision, batch, Truth.UNKNOWN)
        eligible = decision if isinstance(decision, Eligible) else None
        not_eligible = decision if isinstance(decision, NotEligible) else None
        assert _uses(batch, batch.refused[place]) == _uses_came_out(eligible, Truth.NO)
        assert _uses(batch, batch.unsure[place]) == _uses_came_out(eligible, Truth.UNKNOWN)
        assert day_of(batch.valid_until[place]) == (eligible.valid_until if eligible else None)
        assert _band(batch, place) == (eligible.band if eligible else None)
        expected = not_eligible.eligible_from if not_eligible else None
        assert day_of(batch.eligible_from[place]) == expected


def outcome(decision: Decision) -> Truth:
    match decision:
        case Eligible():
            return Truth.YES
        case NotEligible():
            return Truth.NO
        case _:
            return Truth.UNKNOWN


def _came_out(decision: Decision, batch: BatchDecision, truth: Truth) -> list[str]:
    names = [step.condition for step in decision.trace if step.outcome is truth]
    return [name for name in names if name in batch.conditions]


def _names(batch: BatchDecision, bits: np.uint32) -> list[str]:
    return [name for place, name in enumerate(batch.conditions) if int(bits) >> place & 1]


def _uses(batch: BatchDecision, bits: np.uint32) -> list[str]:
    return [name for place, name in enumerate(batch.uses) if int(bits) >> place & 1]


def _uses_came_out(decision: Eligible | None, truth: Truth) -> list[str]:
    return [step.condition for step in decision.uses if step.outcome is truth] if decision else []


def _band(batch: BatchDecision, place: int) -> str | None:
    code = int(batch.band[place])
    return batch.bands[code] if code >= 0 else None
