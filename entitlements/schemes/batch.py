"""A scheme compiled to NumPy: the decisions of `engine` for many people at once, without words."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace
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
    day_afters,
)
from entitlements.schemes.batch_dates import birthdays
from entitlements.schemes.batch_tables import by_table
from entitlements.schemes.columns import (
    NEVER_DAY,
    NO_DAY,
    UNKNOWN_CODE,
    DayNumbers,
    Days,
    FactColumns,
    Rows,
    day_number,
)
from entitlements.schemes.engine import valid_until
from entitlements.schemes.rule import Rule, Scheme
from entitlements.schemes.rulefacts import facts_of

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
        valid_until: last day of a grant made on the day; `NO_DAY` unless eligible.
        eligible_from: as in `decision.NotEligible`; `NO_DAY` if none.
        next_change_on: as in `decision`; `NO_DAY` if none.
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
    valid_until: DayNumbers
    eligible_from: DayNumbers
    next_change_on: DayNumbers


_CHUNK: Final = 1 << 16
"""People decided for at once: what they need in between stays in the processor's cache."""

BatchDecide = Callable[[FactColumns, date], BatchDecision]


def compile_numpy(scheme: Scheme) -> BatchDecide:
    """The scheme as a function of columns of facts and one day for all."""
    judge = compile_batch_judge(scheme)
    parts = {rule.version: _compiled(rule) for rule in scheme.rules}
    facts = facts_of(scheme)

    def decide(columns: FactColumns, on: date) -> BatchDecision:
        rule = scheme.rule_on(on)
        chunks = [chunk for _, chunk in columns.only(facts).chunks(_CHUNK)]
        until = day_number(scheme.next_rule_day(on))
        if rule is None:
            found = [_no_rule(scheme, chunk, until, judge) for chunk in chunks]
        else:
            last = _last_days(rule, columns, on)
            case = _Case(scheme, rule, parts[rule.version], day_number(on), until, last)
            found = [_decided(case, chunk, judge) for chunk in chunks]
        return _together(found or [_no_rule(scheme, columns, until, judge)])

    return decide


class _Parts(NamedTuple):
    """A rule's checks, those of its uses, and for each band the day on which it begins."""

    conditions: Sequence[BatchCheck]
    uses: Sequence[BatchCheck]
    bands: Sequence[Callable[[DayNumbers], DayNumbers]]


class _Case(NamedTuple):
    """What is the same for everybody; `last_days` is as `_last_days`."""

    scheme: Scheme
    rule: Rule
    parts: _Parts
    on: np.int32
    until: np.int32
    last_days: DayNumbers


def _compiled(rule: Rule) -> _Parts:
    return _Parts(
        [batch_check(each.operator) for each in rule.conditions],
        [batch_check(each.operator) for each in rule.uses],
        [by_table(partial(birthdays, age=band.from_age)) for band in rule.bands],
    )


def _decided(case: _Case, columns: FactColumns, judge: BatchCheck) -> BatchDecision:
    rule, parts, on = case.rule, case.parts, case.on
    findings = [check(columns, on) for check in parts.conditions]
    whole = combine(findings)
    whole = whole._replace(until=np.minimum(whole.until, case.until))
    yes = whole.truth == YES
    bands, following = _bands(parts, columns, yes, on)
    last = np.where(yes, case.last_days.take(columns.district), NO_DAY)
    until_yes = np.minimum(np.minimum(whole.until, following), day_afters(last))
    failed = _bits(findings, NO, len(columns))
    unknown = _bits(findings, UNKNOWN, len(columns))
    turning = _turning(findings, failed, unknown, case.until)
    used = [check(columns, on) for check in parts.uses]
    for finding in used:
        until_yes = np.minimum(until_yes, finding.until)
    return BatchDecision(
        scheme=case.scheme.id,
        rule=rule.version,
        conditions=tuple(condition.name for condition in rule.conditions),
        outcome=whole.truth,
        failed=failed,
        unknown=unknown,
        bands=tuple(band.id for band in rule.bands),
        band=bands,
        uses=tuple(use.name for use in rule.uses),
        refused=_bits(used, NO, len(columns)) * yes,
        unsure=_bits(used, UNKNOWN, len(columns)) * yes,
        valid_until=last,
        eligible_from=_eligible_from(judge, columns, whole, turning),
        next_change_on=_or_none(np.where(yes, until_yes, whole.until)),
    )


def _together(parts: Sequence[BatchDecision]) -> BatchDecision:
    """One decision for everybody of what was decided part by part."""
    first = parts[0]
    empty = {*(() if first.uses else _OF_USES), *(() if first.bands else _OF_BANDS)}
    joined = {}
    for name in _FOR_EACH:
        columns = [getattr(each, name) for each in parts]
        if name in empty:  # the same for everybody: one value that stands for all, to be read only
            people = sum(map(len, columns))
            joined[name] = np.broadcast_to(columns[0][:1], people) if people else columns[0]
        else:
            joined[name] = np.concatenate(columns)
    return replace(first, **joined)


_OF_USES: Final = ("refused", "unsure")
_OF_BANDS: Final = ("band",)
_FOR_EACH: Final = (
    *("outcome", "failed", "unknown", "band", "refused", "unsure"),
    *("valid_until", "eligible_from", "next_change_on"),
)


def _bands(
    parts: _Parts, columns: FactColumns, yes: NDArray[np.bool_], on: np.int32
) -> tuple[Truths, Days]:
    """The band of each who is eligible, and the day of the next for those in one."""
    band = np.full(len(columns), UNKNOWN_CODE, dtype=np.int8)
    if not parts.bands:
        return band, NEVER_DAY
    following = np.full(len(columns), NEVER_DAY)
    for place, starts_of in enumerate(parts.bands):
        starts = starts_of(columns.birth_date)
        band[yes & (on >= starts)] = place
        following = np.where((on < starts) & (following == NEVER_DAY), starts, following)
    return band, following


def _last_days(rule: Rule, columns: FactColumns, on: date) -> DayNumbers:
    """The last day of a grant, for each district and at the end for an unknown one."""
    days = [valid_until(rule, district, on) for district in (*columns.districts, "")]
    return np.array([day_number(day) for day in days], dtype=np.int32)


def _bits(findings: Sequence[Findings], wanted: np.int8, length: int) -> NDArray[np.uint32]:
    bits = np.zeros(length, dtype=np.uint32)
    for place, finding in enumerate(findings):
        bits |= (finding.truth == wanted).astype(np.uint32) << np.uint32(place)
    return bits


def _turning(
    findings: Sequence[Findings],
    failed: NDArray[np.uint32],
    unknown: NDArray[np.uint32],
    next_rule: np.int32,
) -> NDArray[np.bool_]:
    """Whose one no becomes a yes for ever before anything else changes: they need no look ahead."""
    found = np.zeros(len(failed), dtype=np.bool_)
    for place, finding in enumerate(findings):
        if finding.turns:
            rest: Days = next_rule
            for other in findings:
                rest = rest if other is finding else np.minimum(rest, other.until)
            alone = (failed == np.uint32(1 << place)) & (unknown == 0)
            found |= alone & (finding.until < rest)
    return found


def _eligible_from(
    judge: BatchCheck, columns: FactColumns, whole: Findings, turning: NDArray[np.bool_]
) -> DayNumbers:
    """Looks ahead, from change to change, for those who are told no: `engine.eligible_from`."""
    found = np.where(turning, whole.until, NO_DAY)
    ahead = (whole.truth == NO) & (whole.until != NEVER_DAY) & ~turning
    rows: Rows = np.flatnonzero(ahead)
    until = np.broadcast_to(whole.until, len(columns))[rows]
    while len(rows):
        then = judge(columns.take(rows), until)
        found[rows[then.truth == YES]] = until[then.truth == YES]
        still = (then.truth == NO) & (then.until != NEVER_DAY)
        rows, until = rows[still], np.broadcast_to(then.until, len(still))[still]
    return found


def _no_rule(
    scheme: Scheme, columns: FactColumns, until: np.int32, judge: BatchCheck
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
        eligible_from=_eligible_from(judge, columns, whole, np.zeros(len(columns), dtype=bool)),
        next_change_on=_or_none(np.full(len(columns), until)),
    )


def _or_none(days: DayNumbers) -> DayNumbers:
    return np.where(days == NEVER_DAY, NO_DAY, days)
