"""What is wrong with rules that can be read: overlaps, gaps, bands, contradictions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import combinations, pairwise, product
from typing import Final

from entitlements.schemes.dates import NEVER, day_after
from entitlements.schemes.rule import (
    AgedInSchoolYear,
    AnyOf,
    AtLeastAge,
    Charge,
    Condition,
    EligibleFor,
    Equals,
    NotEligibleFor,
    Operator,
    PensionableBy,
    ResidentIn,
    Rule,
    UnderAge,
)
from entitlements.schemes.tomlfile import KeyPath

BIRTH_DATE: Final = "birth_date"
MOST_CONDITIONS: Final = 32  # bits of BatchDecision.failed


def rule_amiss(rule: Rule) -> Iterator[tuple[str, str]]:
    """Key and message of everything wrong with one version."""
    if rule.effective_to < rule.effective_from:
        yield "effective_to", "'effective_to' is before 'effective_from'"
    yield from _names_amiss("conditions", rule.conditions)
    yield from _names_amiss("uses", rule.uses)
    yield from _bands_amiss(rule)
    for one, other in combinations(rule.conditions, 2):
        if not _can_both_be(one.operator, other.operator):
            yield "conditions", f"'{one.name}' and '{other.name}' can never both be so"
    for use, condition in product(rule.uses, rule.conditions):
        if not _can_both_be(use.operator, condition.operator):
            yield "uses", f"'{use.name}' and '{condition.name}' can never both be so"


def versions_amiss(rules: Sequence[Rule]) -> Iterator[tuple[KeyPath, str]]:
    """Versions must follow one another by date, without overlap and without gap."""
    for place, (before, after) in enumerate(pairwise(rules), start=1):
        path = ("rule", place, "effective_from")
        if after.version and after.version in {rule.version for rule in rules[:place]}:
            yield ("rule", place, "version"), f"version '{after.version}' is there twice"
        if after.effective_from == date.min:
            continue  # not given, or no date: a fault already
        if after.effective_from <= before.effective_to:
            overlapped = f"version '{before.version}', which lasts to {_last(before)}"
            yield path, f"version '{after.version}' overlaps {overlapped}"
        elif after.effective_from != day_after(before.effective_to):
            yield (
                path,
                f"no version is in force between {before.effective_to} and {after.effective_from}",
            )


def charges_amiss(charges: Sequence[Charge]) -> Iterator[tuple[KeyPath, str]]:
    """What one thing costs is never said twice for one day."""
    for place, charge in enumerate(charges):
        if charge.until < charge.first:
            yield ("charges", place, "until"), "'until' is before 'from'"
        for other in charges[:place]:
            overlaps = charge.first <= other.until and other.first <= charge.until
            if charge.words and charge.words == other.words and overlaps:
                yield ("charges", place, "from"), f"'{charge.words}' is there twice for one day"


def _names_amiss(key: str, conditions: Iterable[Condition]) -> Iterator[tuple[str, str]]:
    names = [condition.name for condition in conditions]
    if len(names) > MOST_CONDITIONS:
        yield key, f"a rule can have at most {MOST_CONDITIONS} {key}"
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield key, f"two {key} are called '{name}'"


def _bands_amiss(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.bands:
        return
    ages = [band.from_age for band in rule.bands]
    if any(later <= earlier for earlier, later in pairwise(ages)):
        yield "bands", "bands must go by rising 'from_age'"
    if not any(_reaches(condition, ages[0]) for condition in rule.conditions):
        yield (
            "bands",
            f"no condition makes sure of an age of at least {ages[0]}, where the first band begins",
        )


def _reaches(condition: Condition, age: int) -> bool:
    operator = condition.operator
    return isinstance(operator, AtLeastAge) and operator.fact == BIRTH_DATE and operator.age >= age


def _can_both_be(one: Operator, other: Operator) -> bool:  # noqa: C901, PLR0911  (one case for each pair)
    """Whether two conditions can hold for one person on one day, as far as that is plain."""
    match one, other:
        case (Equals(), Equals()):
            return one.fact != other.fact or one.value is other.value
        case (ResidentIn(), ResidentIn()):
            return one.fact != other.fact or bool(_districts(one) & _districts(other))
        case (EligibleFor(yes), NotEligibleFor(no)) | (NotEligibleFor(no), EligibleFor(yes)):
            return yes.id != no.id
        case (AnyOf(of), _):
            return any(_can_both_be(each, other) for each in of)
        case (PensionableBy(), UnderAge()):
            return one.fact != other.fact or one.table.youngest < other.age
        case (PensionableBy(), AgedInSchoolYear()):
            return one.fact != other.fact or one.table.youngest < other.to_age + 2
        case (EligibleFor(), ResidentIn() | UnderAge() | AtLeastAge() | AgedInSchoolYear()):
            return any(_allows(rule, other) for rule in one.scheme.rules)
        case (AtLeastAge(), UnderAge()):
            return one.fact != other.fact or one.age < other.age
        case (AgedInSchoolYear(), UnderAge()):
            return one.fact != other.fact or one.from_age < other.age
        case (AtLeastAge(), AgedInSchoolYear()):
            # During the last of the school years its oldest have turned one year more.
            return one.fact != other.fact or one.age < other.to_age + 2
        case (
            (UnderAge(), AtLeastAge() | AgedInSchoolYear())
            | (AgedInSchoolYear(), AtLeastAge())
            | (UnderAge() | AgedInSchoolYear(), PensionableBy())
            | (_, AnyOf())
            | (ResidentIn() | UnderAge() | AtLeastAge() | AgedInSchoolYear(), EligibleFor())
        ):
            return _can_both_be(other, one)
        case _:
            return True


def _allows(rule: Rule, other: Operator) -> bool:
    """Whether somebody who meets a rule can meet another condition too."""
    return all(_can_both_be(each.operator, other) for each in rule.conditions)


def _districts(operator: ResidentIn) -> frozenset[str]:
    return frozenset().union(*(span.districts for span in operator.area.spans))


def _last(rule: Rule) -> str:
    return "no set day" if rule.effective_to == NEVER else str(rule.effective_to)
