"""`checks` for many people at once: the same operators on columns.

Yes, unknown and no are 2, 1 and 0, so that "all of these" is the smallest.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, assert_never

import numpy as np
from numpy.typing import NDArray

from entitlements.schemes.batch_dates import (
    birthdays,
    day_afters,
    months_after,
    pensionable_days,
    school_years_of,
)
from entitlements.schemes.columns import NEVER_DAY, UNKNOWN_CODE, Days, FactColumns
from entitlements.schemes.dates import day_after
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
    Rule,
    Scheme,
    UnderAge,
)

NO: Final = np.int8(0)
UNKNOWN: Final = np.int8(1)
YES: Final = np.int8(2)
_LONG_AGO: Final = np.datetime64("0001-01-01", "D")

Truths = NDArray[np.int8]


class Findings(NamedTuple):
    """How a condition came out for each person: `checks.Finding` in columns."""

    truth: Truths
    until: Days


BatchCheck = Callable[[FactColumns, Days], Findings]
"""Facts and, for each person, the day to judge for."""


def combine(findings: Sequence[Findings]) -> Findings:
    """All of the conditions together: `checks.combine` for each person."""
    truth = findings[0].truth
    soonest = findings[0].until
    last_no = np.full(len(truth), _LONG_AGO)
    for finding in findings:
        truth = np.minimum(truth, finding.truth)
        soonest = np.minimum(soonest, finding.until)
        last_no = np.where(finding.truth == NO, np.maximum(last_no, finding.until), last_no)
    return Findings(truth, np.where(truth == NO, last_no, soonest))


def either(findings: Sequence[Findings]) -> Findings:
    """Any of the conditions: `checks.either` for each person, by exchanging yes and no."""
    turned = combine([_turned(finding) for finding in findings])
    return _turned(turned)


def _turned(finding: Findings) -> Findings:
    return Findings(YES - finding.truth, finding.until)


def compile_batch_judge(scheme: Scheme) -> BatchCheck:
    """`checks.compile_judge` for columns; the day may differ from person to person."""
    checks = {
        rule.version: [batch_check(each.operator) for each in rule.conditions]
        for rule in scheme.rules
    }

    def judge(columns: FactColumns, on: Days) -> Findings:
        truth = np.full(len(columns), NO)
        until = np.full(len(columns), NEVER_DAY)
        for rule in reversed(scheme.rules):
            begins = np.datetime64(rule.effective_from, "D")
            until = np.where(on < begins, begins, until)
        for rule in scheme.rules:
            rows = np.flatnonzero(_in_force(rule, on))
            if not len(rows):
                continue
            some, days = (
                (columns, on) if len(rows) == len(columns) else (columns.take(rows), on[rows])
            )
            whole = combine([check(some, days) for check in checks[rule.version]])
            truth[rows] = whole.truth
            until[rows] = np.minimum(whole.until, np.datetime64(day_after(rule.effective_to), "D"))
        return Findings(truth, until)

    return judge


def batch_check(operator: Operator) -> BatchCheck:  # noqa: C901, PLR0911  (one case for each operator)
    """The function for one operator."""
    match operator:
        case Equals():
            return _equals(operator)
        case AtLeastAge(fact, age):
            return _on_the_day(fact, lambda born: birthdays(born, age))
        case UnderAge(fact, age):
            return _until_the_day(fact, lambda born: birthdays(born, age))
        case AgedInSchoolYear():
            return _in_school_year(operator)
        case AtMost():
            return _at_most(operator)
        case PensionableBy(fact, table):
            return _on_the_day(fact, lambda born: pensionable_days(table, born))
        case ResidentIn():
            return _resident_in(operator)
        case HasEvidence():
            return _has_evidence(operator)
        case EligibleFor(scheme):
            return compile_batch_judge(scheme)
        case NotEligibleFor(scheme):
            return _not_eligible_for(compile_batch_judge(scheme))
        case AnyOf(of):
            return _any_of([batch_check(each) for each in of])
        case _:
            assert_never(operator)


def _in_force(rule: Rule, on: Days) -> NDArray[np.bool_]:
    begins = np.datetime64(rule.effective_from, "D")
    return (on >= begins) & (on <= np.datetime64(rule.effective_to, "D"))


def _equals(operator: Equals) -> BatchCheck:
    def check(columns: FactColumns, _on: Days) -> Findings:
        values, known = columns.column(operator.fact)
        truth = np.where(values == operator.value, YES, NO)
        return Findings(np.where(known, truth, UNKNOWN), np.full(len(columns), NEVER_DAY))

    return check


def _at_most(operator: AtMost) -> BatchCheck:
    def check(columns: FactColumns, _on: Days) -> Findings:
        values, known = columns.column(operator.fact)
        truth = np.where(values <= operator.most, YES, NO)
        return Findings(np.where(known, truth, UNKNOWN), np.full(len(columns), NEVER_DAY))

    return check


def _until_the_day(fact: str, days_for: Callable[[Days], Days]) -> BatchCheck:
    reached = _on_the_day(fact, days_for)

    def check(columns: FactColumns, on: Days) -> Findings:
        return _turned(reached(columns, on))

    return check


def _in_school_year(operator: AgedInSchoolYear) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        born = getattr(columns, operator.fact)
        first, last = school_years_of(born, operator.from_age, operator.to_age)
        truth = np.where((first <= on) & (on <= last), YES, NO)
        until = np.where(on < first, first, np.where(on <= last, day_afters(last), NEVER_DAY))
        unknown = np.isnat(born)
        return Findings(np.where(unknown, UNKNOWN, truth), np.where(unknown, NEVER_DAY, until))

    return check


def _on_the_day(fact: str, days_for: Callable[[Days], Days]) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        born = getattr(columns, fact)
        day = days_for(born)
        truth = np.where(on >= day, YES, NO)
        truth = np.where(np.isnat(born), UNKNOWN, truth)
        return Findings(truth, np.where(truth == NO, day, NEVER_DAY))

    return check


def _resident_in(operator: ResidentIn) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        district = getattr(columns, operator.fact)
        known = district != UNKNOWN_CODE
        truth = np.full(len(columns), NO)
        for span in operator.area.spans:
            # One more place at the end: -1, unknown, looks there.
            belongs = np.array([*(each in span.districts for each in columns.districts), False])
            lasts = (on >= np.datetime64(span.first, "D")) & (on <= np.datetime64(span.last, "D"))
            truth[belongs[district] & lasts] = YES
        until = np.full(len(columns), NEVER_DAY)
        for boundary in reversed(operator.area.boundaries()):
            day = np.datetime64(boundary, "D")
            until = np.where(known & (on < day), day, until)
        return Findings(np.where(known, truth, UNKNOWN), until)

    return check


def _has_evidence(operator: HasEvidence) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        held = getattr(columns, operator.fact)
        months = np.array(
            [operator.within_months.get(kind, UNKNOWN_CODE) for kind in (*held.kinds, "")]
        )
        by_stated = np.array([kind in operator.until_stated for kind in (*held.kinds, "")])
        months_of, states = months[held.kind], by_stated[held.kind]
        kept = (months_of != UNKNOWN_CODE) | (states & ~np.isnat(held.stated_until))
        states = states[kept]
        row, first, stated = held.row[kept], held.counts_from[kept], held.stated_until[kept]
        last = months_after(held.dated[kept], np.maximum(months_of[kept], 0))
        if operator.or_until_stated:
            last = np.fmax(last, stated)
        return _over_documents(row, first, np.where(states, stated, last), on)

    return check


def _over_documents(row: NDArray[np.intp], first: Days, last: Days, on: Days) -> Findings:
    """Yes until the last of the documents in force ends; else unknown until the next begins."""
    day = on[row]
    in_force = (first <= day) & (day <= last)
    to_come = (day < first) & (first <= last)
    ends = np.full(len(on), _LONG_AGO)
    np.maximum.at(ends, row[in_force], day_afters(last[in_force]))
    begins = np.full(len(on), NEVER_DAY)
    np.minimum.at(begins, row[to_come], first[to_come])
    yes = ends > _LONG_AGO
    return Findings(np.where(yes, YES, UNKNOWN), np.where(yes, ends, begins))


def _not_eligible_for(judge: BatchCheck) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        return _turned(judge(columns, on))

    return check


def _any_of(checks: Sequence[BatchCheck]) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        return either([each(columns, on) for each in checks])

    return check
