"""The situations beside this file, each decided by both engines.

A policy officer can read and add to the `.toml` files: one per scheme, named after it. A case with
`kinds` and `dated` stands for one case for each kind, with one document of that date.
"""

import csv
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from entitlements.decision import Decision, Eligible, NeedsEvidence, Truth
from entitlements.facts import Evidence, ResidentFacts
from entitlements.schemes.csvfiles import TABLES
from entitlements.schemes.explain import answer
from entitlements.schemes.rule import HasEvidence
from tests.support.entitlement_cases import decide_both_ways, everything, resident
from tests.support.pension_formula import pensionable_by_formula

HERE = Path(__file__).parent
BOUNDARIES = HERE / "travel_older_boundaries.csv"
ONE_DAY = timedelta(days=1)
LAW_BEGAN = date(2010, 4, 6)


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    dated: date
    sighted: date | None = None
    stated_until: date | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    story: str
    on: date
    answer: str
    born: date | None = None
    home: str = "Maidstone"
    deceased: bool = False
    evidence: tuple[Document, ...] = ()
    kinds: tuple[str, ...] = ()
    dated: date | None = None
    fed: dict[str, int | bool] = {}
    unknown: frozenset[str] = frozenset()
    eligible_from: date | None = None
    reasons: tuple[str, ...] | None = None
    needed: tuple[str, ...] | None = None
    needs_evidence: bool = False
    band: str | None = None
    valid_until: date | None = None
    next_change_on: date | None = None
    uses: dict[str, str] | None = None

    def each(self) -> "Iterator[Case]":
        """Itself; or one case for each of its `kinds`, with one document of it."""
        if not self.kinds:
            yield self
        for kind in self.kinds:
            assert self.dated is not None, self.story
            document = Document(kind, self.dated)
            story = f"{self.story} ({kind})"
            yield msgspec.structs.replace(self, story=story, evidence=(document,), kinds=())

    def facts(self) -> ResidentFacts:
        documents = [
            Evidence(
                kind=each.kind,
                dated=each.dated,
                sighted=each.sighted or each.dated,
                stated_until=each.stated_until,
            )
            for each in self.evidence
        ]
        known = resident(
            self.born or UNSET, self.home, documents, deceased=self.deceased, fed=self.fed
        )
        return msgspec.structs.replace(known, **dict.fromkeys(self.unknown, UNSET))

    def expected(self) -> dict[str, object]:
        """What the case says of the decision; a `not yet` or `no` always says from when."""
        said = {
            "eligible_from": self.eligible_from,
            "reasons": self.reasons,
            "needed": self.needed,
            "band": self.band,
            "valid_until": self.valid_until,
            "next_change_on": self.next_change_on,
        }
        return {name: value for name, value in said.items() if value is not None}


def read_cases(path: Path) -> tuple[Case, ...]:
    return msgspec.convert(
        tomllib.loads(path.read_text(encoding="utf-8"))["case"], tuple[Case, ...]
    )


CASES = [
    (path.stem, each)
    for path in sorted(HERE.glob("*.toml"))
    for case in read_cases(path)
    for each in case.each()
]


@pytest.mark.parametrize(
    ("scheme_id", "case"), CASES, ids=[f"{name}: {case.story}" for name, case in CASES]
)
def test_the_situation(scheme_id: str, case: Case) -> None:
    [decision] = decide_both_ways(scheme_id, [case.facts()], case.on)
    assert answer(decision) == case.answer
    assert isinstance(decision, NeedsEvidence) == case.needs_evidence
    found = {name: getattr(decision, name) for name in case.expected()}
    assert found == case.expected()
    if case.uses is not None:
        assert isinstance(decision, Eligible)
        assert {step.condition: str(step.outcome) for step in decision.uses} == case.uses


def test_every_scheme_has_situations_for_each_kind_of_answer() -> None:
    answers: dict[str, set[str]] = {scheme_id: set() for scheme_id in everything()}
    for scheme_id, case in CASES:
        answers[scheme_id].add(case.answer.replace("not yet", "no"))
    assert all(found == {"yes", "no", "unknown"} for found in answers.values()), answers


def test_every_condition_and_use_is_met_in_one_situation_and_not_in_another() -> None:
    found: dict[tuple[str, str], set[Truth]] = defaultdict(set)
    for scheme_id, case in CASES:
        [decision] = decide_both_ways(scheme_id, [case.facts()], case.on)
        uses = decision.uses if isinstance(decision, Eligible) else ()
        for step in (*decision.trace, *uses):
            found[scheme_id, step.condition].add(step.outcome)
    conditions = {
        (scheme.id, condition.name)
        for scheme in everything().values()
        for rule in scheme.rules
        for condition in (*rule.conditions, *rule.uses)
    }
    one_sided = {
        each for each in conditions if Truth.YES not in found[each] or found[each] == {Truth.YES}
    }
    assert one_sided == set()


def test_every_kind_of_evidence_counts_in_one_situation_and_is_too_old_in_another() -> None:
    counted: set[tuple[str, str]] = set()
    too_old: set[tuple[str, str]] = set()
    for scheme_id, case in CASES:
        for document in case.evidence:
            where = counted if case.answer == "yes" else too_old if case.needs_evidence else set()
            where.add((scheme_id, document.kind))
    asked = {
        (scheme.id, kind)
        for scheme in everything().values()
        for rule in scheme.rules
        for condition in rule.conditions
        if isinstance(condition.operator, HasEvidence)
        for kind in condition.operator.kinds
    }
    assert (asked - counted, asked - too_old) == (set(), set())


def boundaries() -> list[tuple[date, date]]:
    with BOUNDARIES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        (date.fromisoformat(row["born"]), date.fromisoformat(row["pensionable_on"])) for row in rows
    ]


def test_the_boundary_cases_are_both_edges_of_every_row_of_the_law() -> None:
    with (TABLES / "state_pension_age.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["applies_to"] != "M"]
    edges = [row[edge] for row in rows for edge in ("dob_from", "dob_to") if row[edge]]
    assert [str(born) for born, _ in boundaries()] == edges
    assert all(day == pensionable_by_formula(born) for born, day in boundaries())


@pytest.mark.parametrize("around", [-1, 0, 1], ids=["the day before", "the day", "the day after"])
def test_the_pass_begins_on_the_day_of_the_table_for_births_at_both_edges_of_every_row(
    around: int,
) -> None:
    for born, pensionable_on in boundaries():
        day = max(pensionable_on, LAW_BEGAN)
        on = day + around * ONE_DAY
        [decision] = decide_both_ways("travel-older", [resident(born)], on)
        assert told(decision) == ("yes" if around >= 0 else "not yet", None if around >= 0 else day)


def test_births_a_day_off_each_edge_follow_the_row_they_fall_in() -> None:
    births = {born + off * ONE_DAY for born, _ in boundaries() for off in (-1, 1)}
    for born in sorted(births):
        day = max(pensionable_by_formula(born), LAW_BEGAN)
        before, after = (
            decide_both_ways("travel-older", [resident(born)], on)[0] for on in (day - ONE_DAY, day)
        )
        assert (told(before), told(after)) == (("not yet", day), ("yes", None))


def told(decision: Decision) -> tuple[str, date | None]:
    return str(answer(decision)), getattr(decision, "eligible_from", None)
