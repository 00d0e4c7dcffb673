"""What other texts of the rules change: from which day on, by the law's axis."""

from datetime import date
from typing import Final

import msgspec

from entitlements.schemes.authorities import Area, Authorities
from entitlements.schemes.dates import NEVER, day_after
from entitlements.schemes.pension import PensionTable
from entitlements.schemes.rule import Scheme
from entitlements.schemes.rulebook import RuleBook

_NO_CHANGE_OF_THE_RULE: Final = frozenset(
    {"effective_from", "effective_to", "title", "charges", "why", "why_not", "ask"}
)
"""Dates only say when; words and charges decide nothing."""


def changed_schemes(before: RuleBook, after: RuleBook) -> tuple[str, ...]:
    """Ids of the schemes that one book has otherwise than the other, or the other has not."""
    names = before.schemes.keys() | after.schemes.keys()
    return tuple(
        name for name in sorted(names) if before.schemes.get(name) != after.schemes.get(name)
    )


def first_changed_day(before: RuleBook, after: RuleBook) -> date | None:
    """The first day whose rules are otherwise; None when only words and charges are.

    A rule that says another thing under the same version changes every day it was in force. An area
    that loses a district on a day changes nothing before it.
    """
    days = [
        _first_day(before.schemes.get(name), after.schemes.get(name))
        for name in changed_schemes(before, after)
    ]
    first = min(days, default=NEVER)
    return None if first == NEVER else first


def _first_day(before: Scheme | None, after: Scheme | None) -> date:
    schemes = [scheme for scheme in (before, after) if scheme is not None]
    days = {day for scheme in schemes for day in _boundaries(scheme)} - {NEVER}
    return min((day for day in days if _as_of(before, day) != _as_of(after, day)), default=NEVER)


def _boundaries(value: object) -> set[date]:
    """Every day on which something inside may begin, change or end."""
    match value:
        case Area():
            return set(value.boundaries())
        case Authorities():
            own = {day for each in value.authorities for day in (each.first, day_after(each.last))}
            return own.union(*(_boundaries(each.area) for each in value.authorities))
        case Scheme():
            dates = {
                day
                for rule in value.rules
                for day in (rule.effective_from, day_after(rule.effective_to))
            }
            return dates.union(*(_boundaries(rule) for rule in value.rules))
        case msgspec.Struct():
            fields = (getattr(value, name) for name in value.__struct_fields__)
            return set[date]().union(*(_boundaries(field) for field in fields))
        case tuple():
            return set[date]().union(*(_boundaries(each) for each in value))
        case _:
            return set()


def _as_of(value: object, on: date) -> object:  # noqa: PLR0911  (one case for each kind of part)
    """What a part of a rule says on a day, to be compared."""
    match value:
        case Area():
            return value.districts_on(on)
        case Authorities():
            return [
                (each.id, each.area.districts_on(on), each.card_expiry)
                for each in value.authorities
                if each.first <= on <= each.last
            ]
        case PensionTable():
            return value.rows
        case Scheme():
            rule = value.rule_on(on)
            return None if rule is None else (value.service, value.given, _as_of(rule, on))
        case msgspec.Struct():
            fields = [
                name for name in value.__struct_fields__ if name not in _NO_CHANGE_OF_THE_RULE
            ]
            return (type(value), [_as_of(getattr(value, name), on) for name in fields])
        case tuple():
            return [_as_of(each, on) for each in value]
        case _:
            return value
