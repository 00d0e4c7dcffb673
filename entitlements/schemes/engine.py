"""A scheme compiled to a closure that decides for one person and says why.

`batch.compile_numpy` compiles the same definition for many people at once.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import UNSET

from entitlements.decision import (
    Decision,
    Eligible,
    NeedsEvidence,
    NeedsFacts,
    NotEligible,
    Step,
    Terms,
    Truth,
)
from entitlements.facts import ResidentFacts
from entitlements.schemes.checks import (
    Check,
    Finding,
    Judge,
    combine,
    compile_check,
    compile_judge,
)
from entitlements.schemes.dates import NEVER, birthday, day_after, in_words, last_day
from entitlements.schemes.rule import DATE, Band, Condition, Rule, Scheme

Decide = Callable[[ResidentFacts, date], Decision]
"""Decides for one person's facts on a day."""


class _Case(NamedTuple):
    """What a decision is made of."""

    scheme: Scheme
    rule: Rule
    facts: ResidentFacts
    on: date
    trace: tuple[Step, ...]
    whole: Finding
    uses: tuple[Step, ...] = ()


def compile_traced(scheme: Scheme) -> Decide:
    """The scheme as a function of facts and day, with a step for every condition."""
    judge = compile_judge(scheme)
    compiled = {
        rule.version: (_compiled(rule.conditions), _compiled(rule.uses)) for rule in scheme.rules
    }

    def decide(facts: ResidentFacts, on: date) -> Decision:
        rule = scheme.rule_on(on)
        if rule is None:
            return _no_rule(scheme, judge, facts, on)
        conditions, uses = compiled[rule.version]
        findings, steps = _judged(conditions, facts, on)
        whole = combine(findings).by(scheme.next_rule_day(on))
        case = _Case(scheme, rule, facts, on, steps, whole)
        match whole.truth:
            case Truth.YES:
                return _eligible(_with_uses(case, uses) if uses else case)
            case Truth.NO:
                return _not_eligible(case, judge)
            case Truth.UNKNOWN:
                return _needs(case)

    return decide


_Compiled = tuple[tuple[Check, Callable[[Finding], Step]], ...]


def _compiled(conditions: Sequence[Condition]) -> _Compiled:
    return tuple([(compile_check(each.operator), _teller(each)) for each in conditions])


def _judged(
    compiled: _Compiled, facts: ResidentFacts, on: date
) -> tuple[list[Finding], tuple[Step, ...]]:
    findings, steps = [], []
    for check, tell in compiled:
        finding = check(facts, on)
        findings.append(finding)
        steps.append(tell(finding))
    return findings, tuple(steps)


def _with_uses(case: _Case, uses: _Compiled) -> _Case:
    findings, steps = _judged(uses, case.facts, case.on)
    soonest = min(finding.until for finding in findings)
    return case._replace(uses=steps, whole=case.whole.by(soonest))


def eligible_from(judge: Judge, facts: ResidentFacts, until: date) -> date | None:
    """The first day a no becomes a yes by time alone.

    Args:
        judge: the scheme's.
        facts: of one person, for whom it says no until then.
        until: the day that no may first change.

    Returns:
        None when that day never comes, or when facts are missing to tell.
    """
    while until != NEVER:
        finding = judge(facts, until)
        if finding.truth is Truth.YES:
            return until
        if finding.truth is Truth.UNKNOWN:
            return None
        until = finding.until
    return None


def band_on(rule: Rule, born: date, on: date) -> tuple[Band, date]:
    """The band somebody is in, and the day of the next one (`NEVER` in the last)."""
    starts = [(birthday(born, band.from_age), band) for band in rule.bands]
    current = max(place for place, (start, _) in enumerate(starts) if start <= on)
    following = starts[current + 1][0] if current + 1 < len(starts) else NEVER
    return starts[current][1], following


def valid_until(rule: Rule, district: str, on: date) -> date:
    """The last day of a grant made on a day."""
    last = last_day(on, rule.validity.months)
    if rule.validity.ends is not None:
        last = min(last, rule.validity.ends.on_or_after(on))
    if rule.validity.authorities is None:
        return last
    authority = rule.validity.authorities.issuing(district, on)
    if authority is None or authority.card_expiry is None:
        return last
    return min(last, authority.card_expiry.on_or_after(on))


def terms_of(scheme: Scheme, facts: ResidentFacts, on: date) -> Terms:
    """What a scheme would give somebody of whom nothing more were missing on a day."""
    rule = scheme.rule_on(on) or scheme.rules[-1]
    band = ""
    if rule.bands and facts.birth_date is not UNSET:
        band = band_on(rule, facts.birth_date, on)[0].id
    district = "" if facts.district is UNSET else facts.district
    return Terms(
        scheme=scheme.id,
        service=scheme.service,
        entitlement_class=band or rule.entitlement_class,
        card_rank=scheme.card_rank,
        valid_from=on,
        valid_until=valid_until(rule, district, on),
    )


def _eligible(case: _Case) -> Eligible:
    rule, facts, on = case.rule, case.facts, case.on
    until = case.whole.until
    band = None
    if rule.bands and facts.birth_date is not UNSET:
        held, following = band_on(rule, facts.birth_date, on)
        band, until = held.id, min(until, following)
    last = valid_until(rule, "" if facts.district is UNSET else facts.district, on)
    return Eligible(
        scheme=case.scheme.id,
        service=case.scheme.service,
        rule=rule.version,
        on=on,
        trace=case.trace,
        next_change_on=_day(min(until, day_after(last))),
        entitlement_class=band or rule.entitlement_class,
        band=band,
        valid_from=on,
        valid_until=last,
        uses=case.uses,
        terms=rule.terms,
        card_rank=case.scheme.card_rank,
    )


def _not_eligible(case: _Case, judge: Judge) -> NotEligible:
    return NotEligible(
        scheme=case.scheme.id,
        service=case.scheme.service,
        rule=case.rule.version,
        on=case.on,
        trace=case.trace,
        next_change_on=_day(case.whole.until),
        reasons=tuple([step.why for step in case.trace if step.outcome is Truth.NO]),
        eligible_from=eligible_from(judge, case.facts, case.whole.until),
    )


def _needs(case: _Case) -> NeedsFacts | NeedsEvidence:
    facts, kinds = case.whole.facts, case.whole.evidence
    kind = NeedsFacts if facts else NeedsEvidence
    needed = (*facts, "evidence") if facts and kinds else facts or kinds
    return kind(
        scheme=case.scheme.id,
        service=case.scheme.service,
        rule=case.rule.version,
        on=case.on,
        trace=case.trace,
        next_change_on=_day(case.whole.until),
        needed=needed,
    )


def _no_rule(scheme: Scheme, judge: Judge, facts: ResidentFacts, on: date) -> NotEligible:
    begins = scheme.next_rule_day(on)
    why = (
        f"This has not been offered since {in_words(day_after(scheme.rules[-1].effective_to))}."
        if begins == NEVER
        else f"This is offered from {in_words(begins)}."
    )
    return NotEligible(
        scheme=scheme.id,
        service=scheme.service,
        rule="",
        on=on,
        trace=(Step("in-force", Truth.NO, why, ""),),
        next_change_on=_day(begins),
        reasons=(why,),
        eligible_from=eligible_from(judge, facts, begins),
    )


def _teller(condition: Condition) -> Callable[[Finding], Step]:
    """Turns a finding into a step; sentences without a date are made once."""
    said = {
        truth: Step(condition.name, truth, words, condition.law)
        for truth, words in (
            (Truth.YES, condition.why),
            (Truth.NO, condition.why_not),
            (Truth.UNKNOWN, condition.ask),
        )
    }
    dated = {truth for truth, step in said.items() if DATE in step.why}

    def tell(finding: Finding) -> Step:
        truth = finding.truth
        if truth not in dated or finding.when is None:
            return said[truth]
        words = said[truth].why.replace(DATE, in_words(finding.when))
        return Step(condition.name, truth, words, condition.law)

    return tell


def _day(day: date) -> date | None:
    return None if day == NEVER else day
