"""`checks` for many people at once: the same operators on columns.

Yes, unknown and no are 2, 1 and 0, so that "all of these" is the smallest.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

import numpy as np
from numpy.typing import NDArray

from entitlements.schemes.batch_dates import Days as CalendarDays
from entitlements.schemes.batch_dates import (
    birthdays,
    months_after,
    pensionable_days,
    school_years_of,
)
from entitlements.schemes.batch_tables import by_table
from entitlements.schemes.columns import (
    EPOCH,
    NEVER_DAY,
    NO_DAY,
    UNKNOWN_CODE,
    UNKNOWN_SUM,
    DayNumbers,
    Days,
    FactColumns,
    Rows,
    day_number,
    day_numbers,
)
from entitlements.schemes.dates import NEVER
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
_LONG_AGO: Final = day_number(date.min)

Truths = NDArray[np.int8]


class Findings(NamedTuple):
    """How a condition came out for each person: `checks.Finding` in columns.

    Attributes:
        until: for each, or one day for all.
        turns: whether a no is a yes from `until` on, for ever.
    """

    truth: Truths
    until: Days
    turns: bool = False


BatchCheck = Callable[[FactColumns, Days], Findings]
"""Facts and the day to judge for: for each person, or one for all."""


def combine(findings: Sequence[Findings]) -> Findings:
    """All of the conditions together: `checks.combine` for each person."""
    truth: Truths = findings[0].truth
    soonest, last_no = findings[0].until, np.where(truth == NO, findings[0].until, _LONG_AGO)
    for finding in findings[1:]:
        truth = np.minimum(truth, finding.truth)
        soonest = np.minimum(soonest, finding.until)
        of_a_no = np.where(finding.truth == NO, finding.until, _LONG_AGO)
        last_no = np.maximum(last_no, of_a_no, out=last_no)
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
            begins = day_number(rule.effective_from)
            until = np.where(on < begins, begins, until)
        for rule in scheme.rules:
            if np.all(_in_force(rule, on)):
                return _up_to(rule, combine([check(columns, on) for check in checks[rule.version]]))
            rows = np.flatnonzero(np.broadcast_to(_in_force(rule, on), len(columns)))
            if not len(rows):
                continue
            some, days = columns.take(rows), on[rows] if isinstance(on, np.ndarray) else on
            found = [check(some, days) for check in checks[rule.version]]
            whole = _up_to(rule, combine(found))
            truth[rows], until[rows] = whole.truth, whole.until
        return Findings(truth, until)

    return judge


def _up_to(rule: Rule, whole: Findings) -> Findings:
    if rule.effective_to == NEVER:
        return whole
    return whole._replace(until=np.minimum(whole.until, day_number(rule.effective_to) + 1))


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


def _in_force(rule: Rule, on: Days) -> NDArray[np.bool_] | np.bool_:
    return (on >= day_number(rule.effective_from)) & (on <= day_number(rule.effective_to))


def _yes_where(met: NDArray[np.bool_]) -> Truths:
    """Yes or no: a yes is 2."""
    return met.view(np.int8) << 1


def _equals(operator: Equals) -> BatchCheck:
    def check(columns: FactColumns, _on: Days) -> Findings:
        known, met = columns.value_is(operator.fact, wanted=operator.value)
        return Findings(np.where(known, _yes_where(met), UNKNOWN), NEVER_DAY)

    return check


def _at_most(operator: AtMost) -> BatchCheck:
    def check(columns: FactColumns, _on: Days) -> Findings:
        sums = columns.sum_of(operator.fact)
        met = _yes_where(sums <= operator.most)
        return Findings(np.where(sums != UNKNOWN_SUM, met, UNKNOWN), NEVER_DAY)

    return check


def _until_the_day(fact: str, days_for: Callable[[CalendarDays], CalendarDays]) -> BatchCheck:
    reached = _on_the_day(fact, days_for)

    def check(columns: FactColumns, on: Days) -> Findings:
        return _turned(reached(columns, on))

    return check


def _in_school_year(operator: AgedInSchoolYear) -> BatchCheck:
    years = operator.from_age, operator.to_age
    first_of = by_table(lambda born: school_years_of(born, *years)[0])
    last_of = by_table(lambda born: school_years_of(born, *years)[1])

    def check(columns: FactColumns, on: Days) -> Findings:
        born: DayNumbers = getattr(columns, operator.fact)
        first, last = first_of(born), last_of(born)
        truth = _yes_where((first <= on) & (on <= last))
        until = np.where(on < first, first, np.where(on <= last, day_afters(last), NEVER_DAY))
        return Findings(np.where(born != NO_DAY, truth, UNKNOWN), until)

    return check


def _on_the_day(fact: str, days_for: Callable[[CalendarDays], CalendarDays]) -> BatchCheck:
    day_of = by_table(days_for)

    def check(columns: FactColumns, on: Days) -> Findings:
        born: DayNumbers = getattr(columns, fact)
        day = day_of(born)
        reached = on >= day  # of an unknown birth, too
        truth = np.where(born != NO_DAY, _yes_where(reached), UNKNOWN)
        return Findings(truth, np.where(reached, NEVER_DAY, day), turns=True)

    return check


def _resident_in(operator: ResidentIn) -> BatchCheck:
    area = operator.area
    boundaries = area.boundaries()
    days = np.array([day_number(day) for day in boundaries], dtype=np.int32)
    # One entry for the time before the first boundary and one from each boundary on.
    members = [frozenset[str](), *(area.districts_on(day) for day in boundaries)]
    ends = np.array([*days, NEVER_DAY], dtype=np.int32)

    @lru_cache(maxsize=4)
    def table(districts: tuple[str, ...]) -> Truths:
        # One more place at the end: -1, unknown, looks there.
        belongs = [[YES if each in some else NO for each in districts] for some in members]
        return np.array([[*some, UNKNOWN] for some in belongs], dtype=np.int8)

    def check(columns: FactColumns, on: Days) -> Findings:
        district, truth = getattr(columns, operator.fact), table(columns.districts)
        place = np.searchsorted(days, on, side="right")
        if place.ndim == 0 and ends[place] == NEVER_DAY:
            return Findings(truth[place].take(district), NEVER_DAY)
        known = district != UNKNOWN_CODE
        return Findings(truth[place, district], np.where(known, ends[place], NEVER_DAY))

    return check


def _has_evidence(operator: HasEvidence) -> BatchCheck:
    def check(columns: FactColumns, on: Days) -> Findings:
        held = getattr(columns, operator.fact)
        if not len(held.row):
            return Findings(np.full(len(columns), UNKNOWN), NEVER_DAY)
        months = np.array(
            [operator.within_months.get(kind, UNKNOWN_CODE) for kind in (*held.kinds, "")]
        )
        by_stated = np.array([kind in operator.until_stated for kind in (*held.kinds, "")])
        months_of, states = months[held.kind], by_stated[held.kind]
        kept = (months_of != UNKNOWN_CODE) | (states & (held.stated_until != NO_DAY))
        states = states[kept]
        row, first, stated = held.row[kept], held.counts_from[kept], held.stated_until[kept]
        aged = months_after(EPOCH + held.dated[kept], np.maximum(months_of[kept], 0))
        last = day_numbers(aged)
        if operator.or_until_stated:
            last = np.maximum(last, stated)  # a document that states none is beyond the past
        return _over_documents(row, first, np.where(states, stated, last), on, len(columns))

    return check


def day_afters(days: DayNumbers) -> DayNumbers:
    """`dates.day_after` of each."""
    following: DayNumbers = np.minimum(days + np.int32(1), NEVER_DAY)
    return following


def _over_documents(
    row: Rows, first: DayNumbers, last: DayNumbers, on: Days, people: int
) -> Findings:
    """Yes until the last of the documents in force ends; else unknown until the next begins."""
    day = on[row] if isinstance(on, np.ndarray) else on
    in_force = (first <= day) & (day <= last)
    to_come = (day < first) & (first <= last)
    ends = np.full(people, _LONG_AGO)
    np.maximum.at(ends, row[in_force], day_afters(last[in_force]))
    begins = np.full(people, NEVER_DAY)
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
