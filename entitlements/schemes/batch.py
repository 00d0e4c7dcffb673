"""A scheme compiled to NumPy: the decisions of `engine` for many people at once, without words."""

from collections.abc import Callable, Sequence
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from entitlements.schemes.batch_checks import (
    NO,
    UNKNOWN,
    YES,
    BatchCheck,
    Findings,
    Truths,
    batch_check,
    combine,
    compile_batch_judge,
)
from entitlements.schemes.batch_dates import birthdays, day_afters
from entitlements.schemes.columns import NEVER_DAY, NO_DAY, UNKNOWN_CODE, Days, FactColumns, Rows
from entitlements.schemes.engine import valid_until
from entitlements.schemes.rule import Condition, Rule, Scheme

__all__ = ["NO", "UNKNOWN", "YES", "BatchDecide", "BatchDecision", "compile_numpy"]


class BatchDecision(msgspec.Struct, frozen=True, kw_only=True):
    """One scheme's decisions for many people on one day.

    Attributes:
        scheme: id of the scheme.
        rule: version of the rule in force, or `""`.
        conditions: names of the rule's conditions; bit `1 << i` below is condition `i`.
        outcome: 2 yes, 1 unknown, 0 no.
        failed: bits of the conditions that came out no.
        unknown: bits of the conditions that came out unknown.
        bands: ids of the rule's bands.
        band: place in `bands` of the eligible; -1 for others and in schemes without bands.
        uses: names of the rule's uses; bit `1 << i` below is use `i`.
        refused: of the eligible, bits of the uses that came out no.
        unsure: of the eligible, bits of the uses that came out unknown.
        valid_until: last day of a grant made on the day; `NaT` unless eligible.
        eligible_from: as in `decision.NotEligible`; `NaT` if none.
        next_change_on: as in `decision`; `NaT` if none.
    """

    scheme: str
    rule: str
    conditions: tuple[str, ...]
    outcome: Truths
    failed: NDArray[np.uint32]
    unknown: NDArray[np.uint32]
    bands: tuple[str, ...]
    band: NDArray[np.int8]
    uses: tuple[str, ...]
    refused: NDArray[np.uint32]
    unsure: NDArray[np.uint32]
    valid_until: Days
    eligible_from: Days
    next_change_on: Days


BatchDecide = Callable[[FactColumns, date], BatchDecision]


def compile_numpy(scheme: Scheme) -> BatchDecide:
    """The scheme as a function of columns of facts and one day for all."""
    judge = compile_batch_judge(scheme)
    checks, uses = (
        {rule.version: [batch_check(each.operator) for each in part(rule)] for rule in scheme.rules}
        for part in (_conditions, _uses)
    )

    def decide(columns: FactColumns, on: date) -> BatchDecision:
        rule = scheme.rule_on(on)
        until = np.datetime64(scheme.next_rule_day(on), "D")
        if rule is None:
            return _no_rule(scheme, columns, until, judge)
        days = np.broadcast_to(np.datetime64(on, "D"), len(columns))
        findings = [check(columns, days) for check in checks[rule.version]]
        whole = combine(findings)
        whole = whole._replace(until=np.minimum(whole.until, until))
        bands, following = _bands(rule, columns, days)
        yes = whole.truth == YES
        last = np.where(yes, _valid_until(rule, columns, on), NO_DAY)
        until_yes = np.minimum(np.minimum(whole.until, following), day_afters(last))
        used = [check(columns, days) for check in uses[rule.version]]
        for finding in used:
            until_yes = np.minimum(until_yes, finding.until)
        return BatchDecision(
            scheme=scheme.id,
            rule=rule.version,
            conditions=tuple(condition.name for condition in rule.conditions),
            outcome=whole.truth,
            failed=_bits(findings, NO, len(columns)),
            unknown=_bits(findings, UNKNOWN, len(columns)),
            bands=tuple(band.id for band in rule.bands),
            band=np.where(yes, bands, np.int8(UNKNOWN_CODE)),
            uses=tuple(use.name for use in rule.uses),
            refused=np.where(yes, _bits(used, NO, len(columns)), np.uint32(0)),
            unsure=np.where(yes, _bits(used, UNKNOWN, len(columns)), np.uint32(0)),
            valid_until=last,
            eligible_from=_eligible_from(judge, columns, whole),
            next_change_on=_or_none(np.where(yes, until_yes, whole.until)),
        )

    return decide


def _bands(rule: Rule, columns: FactColumns, on: Days) -> tuple[NDArray[np.int8], Days]:
    """The band of each, and the day of the next; right for those old enough for the first."""
    band = np.full(len(columns), UNKNOWN_CODE, dtype=np.int8)
    following = np.full(len(columns), NEVER_DAY)
    for place, each in enumerate(rule.bands):
        starts = birthdays(columns.birth_date, each.from_age)
        band[on >= starts] = place
        following = np.where((on < starts) & (following == NEVER_DAY), starts, following)
    return band, following


def _valid_until(rule: Rule, columns: FactColumns, on: date) -> Days:
    """The last day of a grant, worked out once for each district."""
    days = [valid_until(rule, district, on) for district in (*columns.districts, "")]
    return np.array(days, dtype="datetime64[D]")[columns.district]


def _conditions(rule: Rule) -> tuple[Condition, ...]:
    return rule.conditions


def _uses(rule: Rule) -> tuple[Condition, ...]:
    return rule.uses


def _bits(findings: Sequence[Findings], wanted: np.int8, length: int) -> NDArray[np.uint32]:
    bits = np.zeros(length, dtype=np.uint32)
    for place, finding in enumerate(findings):
        bits |= (finding.truth == wanted).astype(np.uint32) << np.uint32(place)
    return bits


def _eligible_from(judge: BatchCheck, columns: FactColumns, whole: Findings) -> Days:
    """Looks ahead, from change to change, for those who are told no: `engine.eligible_from`."""
    found = np.full(len(columns), NO_DAY)
    rows: Rows = np.flatnonzero((whole.truth == NO) & (whole.until != NEVER_DAY))
    until = whole.until[rows]
    while len(rows):
        then = judge(columns.take(rows), until)
        found[rows[then.truth == YES]] = until[then.truth == YES]
        still = (then.truth == NO) & (then.until != NEVER_DAY)
        rows, until = rows[still], then.until[still]
    return found


def _no_rule(
    scheme: Scheme, columns: FactColumns, until: np.datetime64, judge: BatchCheck
) -> BatchDecision:
    whole = Findings(np.full(len(columns), NO), np.full(len(columns), until))
    nothing = np.zeros(len(columns), dtype=np.uint32)
    return BatchDecision(
        scheme=scheme.id,
        rule="",
        conditions=(),
        outcome=whole.truth,
        failed=nothing,
        unknown=nothing,
        bands=(),
        band=np.full(len(columns), UNKNOWN_CODE, dtype=np.int8),
        uses=(),
        refused=nothing,
        unsure=nothing,
        valid_until=np.full(len(columns), NO_DAY),
        eligible_from=_eligible_from(judge, columns, whole),
        next_change_on=_or_none(whole.until),
    )


def _or_none(days: Days) -> Days:
    return np.where(days == NEVER_DAY, NO_DAY, days)
