"""Conditions and schemes as closures that judge one person: yes, no or unknown, and until when.

`batch_checks` is the same for many people at once; the two are equal on every case.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple, assert_never

from msgspec import UNSET

from entitlements.decision import Truth
from entitlements.facts import Evidence, ResidentFacts, reader_of
from entitlements.schemes.dates import NEVER, add_months, birthday, day_after, school_years
from entitlements.schemes.rule import (
    AgedInSchoolYear,
    AnyOf,
    AtLeastAge,
    AtMost,
    EligibleFor,
    Equals,
    HasEvidence,
    NotEligibleFor,
    Operator,
    PensionableBy,
    ResidentIn,
    Scheme,
    UnderAge,
)

_YES, _NO, _UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN


class Finding(NamedTuple):
    """How a condition came out on a day.

    Attributes:
        truth: yes, no or unknown.
        until: the first later day on which that could change by time alone; `NEVER` if none.
        when: the day it came about or will come about, where the operator knows one.
        facts: when unknown, the facts that are missing.
        evidence: when unknown, the kinds of evidence any one of which is missing.
    """

    truth: Truth
    until: date
    when: date | None = None
    facts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    def by(self, day: date) -> "Finding":
        """The same, if it could change on that day already."""
        if day >= self.until:
            return self
        return Finding(self.truth, day, self.when, self.facts, self.evidence)


Check = Callable[[ResidentFacts, date], Finding]
Judge = Callable[[ResidentFacts, date], Finding]


def combine(findings: Sequence[Finding]) -> Finding:
    """All of the conditions together, by Kleene's logic.

    A no stands until the last of the conditions that say no may change. Otherwise the first change
    of any condition counts.
    """
    return _settled(findings, by=_NO, otherwise=_YES)


def either(findings: Sequence[Finding]) -> Finding:
    """Any of the conditions, by Kleene's logic: `combine` with yes and no exchanged."""
    return _settled(findings, by=_YES, otherwise=_NO)


def _settled(findings: Sequence[Finding], *, by: Truth, otherwise: Truth) -> Finding:
    """One loop and no comprehension: this is most of the time that a decision takes."""
    until, settled, unknown = NEVER, None, False
    for finding in findings:
        truth, day = finding.truth, finding.until
        if truth is by:
            settled = day if settled is None or day > settled else settled
        elif truth is _UNKNOWN:
            unknown = True
        until = min(until, day)
    if settled is not None:
        return Finding(by, settled)
    if unknown:
        return _unknown([each for each in findings if each.truth is _UNKNOWN], until)
    return Finding(otherwise, until)


def _unknown(findings: Sequence[Finding], until: date) -> Finding:
    facts = dict.fromkeys(fact for finding in findings for fact in finding.facts)
    kinds = dict.fromkeys(kind for finding in findings for kind in finding.evidence)
    return Finding(Truth.UNKNOWN, until, None, tuple(facts), tuple(kinds))


def compile_judge(scheme: Scheme) -> Judge:
    """The scheme's outcome without words: what precedence and looking ahead need."""
    checks = {
        rule.version: [compile_check(each.operator) for each in rule.conditions]
        for rule in scheme.rules
    }

    def judge(facts: ResidentFacts, on: date) -> Finding:
        rule = scheme.rule_on(on)
        next_rule = scheme.next_rule_day(on)
        if rule is None:
            return Finding(Truth.NO, next_rule)
        whole = combine([check(facts, on) for check in checks[rule.version]])
        return whole.by(next_rule)

    return judge


def compile_check(operator: Operator) -> Check:  # noqa: C901, PLR0911  (one case for each operator)
    """The closure for one operator."""
    match operator:
        case Equals(fact, value):
            return _equals(fact, value=value)
        case AtLeastAge(fact, age):
            return _on_the_day(fact, lambda born: birthday(born, age))
        case UnderAge(fact, age):
            return _until_the_day(fact, lambda born: birthday(born, age))
        case AgedInSchoolYear():
            return _in_school_year(operator)
        case AtMost(fact, most):
            return _at_most(fact, most)
        case PensionableBy(fact, table):
            return _on_the_day(fact, table.pensionable_on)
        case ResidentIn():
            return _resident_in(operator)
        case HasEvidence():
            return _has_evidence(operator)
        case EligibleFor(scheme):
            return compile_judge(scheme)
        case NotEligibleFor(scheme):
            return _not_eligible_for(compile_judge(scheme))
        case AnyOf(of):
            return _any_of([compile_check(each) for each in of])
        case _:
            assert_never(operator)


def _missing(fact: str) -> Finding:
    return Finding(Truth.UNKNOWN, NEVER, facts=(fact,))


def _equals(fact: str, *, value: bool) -> Check:
    yes, no, unknown = Finding(Truth.YES, NEVER), Finding(Truth.NO, NEVER), _missing(fact)
    read = reader_of(fact)

    def check(facts: ResidentFacts, _on: date) -> Finding:
        known = read(facts)
        if known is UNSET:
            return unknown
        return yes if known is value else no

    return check


def _at_most(fact: str, most: int) -> Check:
    yes, no, unknown = Finding(Truth.YES, NEVER), Finding(Truth.NO, NEVER), _missing(fact)
    read = reader_of(fact)

    def check(facts: ResidentFacts, _on: date) -> Finding:
        known = read(facts)
        if not isinstance(known, int):
            return unknown
        return yes if known <= most else no

    return check


def _on_the_day(fact: str, day_for: Callable[[date], date]) -> Check:
    unknown = _missing(fact)

    def check(facts: ResidentFacts, on: date) -> Finding:
        born = getattr(facts, fact)
        if born is UNSET:
            return unknown
        day = day_for(born)
        return Finding(Truth.YES, NEVER, day) if on >= day else Finding(Truth.NO, day, day)

    return check


def _until_the_day(fact: str, day_for: Callable[[date], date]) -> Check:
    unknown = _missing(fact)

    def check(facts: ResidentFacts, on: date) -> Finding:
        born = getattr(facts, fact)
        if born is UNSET:
            return unknown
        day = day_for(born)
        return Finding(Truth.YES, day, day) if on < day else Finding(Truth.NO, NEVER, day)

    return check


def _in_school_year(operator: AgedInSchoolYear) -> Check:
    unknown = _missing(operator.fact)

    def check(facts: ResidentFacts, on: date) -> Finding:
        born = getattr(facts, operator.fact)
        if born is UNSET:
            return unknown
        first, last = school_years(born, operator.from_age, operator.to_age)
        if on < first:
            return Finding(Truth.NO, first)
        return Finding(Truth.YES, day_after(last)) if on <= last else Finding(Truth.NO, NEVER)

    return check


def _resident_in(operator: ResidentIn) -> Check:
    area, fact, unknown = operator.area, operator.fact, _missing(operator.fact)
    days = area.boundaries()
    # One entry for the time before the first boundary and one from each boundary on.
    members = [frozenset[str](), *(area.districts_on(day) for day in days)]
    found = [(Finding(Truth.YES, day), Finding(Truth.NO, day)) for day in (*days, NEVER)]

    def check(facts: ResidentFacts, on: date) -> Finding:
        district = getattr(facts, fact)
        if district is UNSET:
            return unknown
        place = bisect_right(days, on)
        yes, no = found[place]
        return yes if district in members[place] else no

    return check


def _has_evidence(operator: HasEvidence) -> Check:
    kinds = operator.kinds
    accepted = frozenset(kinds)
    nothing_held = Finding(Truth.UNKNOWN, NEVER, evidence=kinds)

    def check(facts: ResidentFacts, on: date) -> Finding:
        held = getattr(facts, operator.fact)
        if held is UNSET or not held:
            return nothing_held
        terms = [_term(operator, each) for each in held if each.kind in accepted]
        ends = [day_after(last) for first, last in terms if first <= on <= last]
        if ends:
            return Finding(Truth.YES, max(ends))
        later = (first for first, last in terms if on < first <= last)
        return nothing_held.by(min(later, default=NEVER))

    return check


def _term(operator: HasEvidence, evidence: Evidence) -> tuple[date, date]:
    """First and last day the document counts; the last may come before the first."""
    if evidence.kind in operator.until_stated:
        return evidence.counts_from, evidence.stated_until or date.min
    last = add_months(evidence.dated, operator.within_months[evidence.kind])
    if operator.or_until_stated and evidence.stated_until is not None:
        last = max(last, evidence.stated_until)
    return evidence.counts_from, last


def _any_of(checks: Sequence[Check]) -> Check:
    def check(facts: ResidentFacts, on: date) -> Finding:
        return either([each(facts, on) for each in checks])

    return check


def _not_eligible_for(judge: Judge) -> Check:
    turned = {Truth.YES: Truth.NO, Truth.NO: Truth.YES, Truth.UNKNOWN: Truth.UNKNOWN}

    def check(facts: ResidentFacts, on: date) -> Finding:
        other = judge(facts, on)
        return Finding(turned[other.truth], other.until, None, other.facts, other.evidence)

    return check
