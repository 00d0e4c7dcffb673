"""Reading one condition of a rule: its operator, what the operator needs, and its sentences."""

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, get_type_hints

import msgspec
from msgspec import UnsetType

from entitlements.facts import FACT_WORDS, Evidence, ResidentFacts
from entitlements.schemes.authorities import Area, Authorities
from entitlements.schemes.pension import PensionTable
from entitlements.schemes.rule import (
    DATE,
    AtLeastAge,
    Condition,
    Equals,
    HasEvidence,
    NotEligibleFor,
    Operator,
    PensionableBy,
    ResidentIn,
    Scheme,
)
from entitlements.schemes.tomlfile import Entry

STATE_PENSION_AGE: Final = "state-pension-age"

_FACT_TYPES: Final = get_type_hints(ResidentFacts)
_TYPE_WORDS: Final[Mapping[object, str]] = MappingProxyType(
    {
        date: "a date",
        str: "a district code",
        bool: "a yes or no",
        tuple[Evidence, ...]: "a list of evidence",
    }
)


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What rules may refer to.

    Attributes:
        pension: the table called `state-pension-age`.
        evidence: every kind of evidence there is.
        schemes: those read already, by id.
    """

    authorities: Authorities
    pension: PensionTable
    evidence: frozenset[str]
    schemes: Mapping[str, Scheme]


def read_condition(entry: Entry, shelf: Shelf) -> Condition:
    """A condition; not to be used if its file has faults."""
    name, law, op = entry.text("name"), entry.text("law"), entry.text("op")
    read = _OPERATORS.get(op)
    if read is None:
        if op:
            entry.fault("op", f"there is no operator '{op}'; there are {', '.join(_OPERATORS)}")
        return _NOTHING
    operator = read(entry, shelf)
    dated = isinstance(operator, AtLeastAge | PensionableBy)
    condition = Condition(
        name=name,
        operator=operator,
        law=law,
        why=_sentence(entry, "why", dated=dated),
        why_not=""
        if isinstance(operator, HasEvidence)
        else _sentence(entry, "why_not", dated=dated),
        ask=_ask(entry, operator),
    )
    entry.no_other_keys()
    return condition


def _ask(entry: Entry, operator: Operator) -> str:
    match operator:
        case HasEvidence():
            return _sentence(entry, "ask", dated=False)
        case NotEligibleFor(scheme):
            return f"First we need to know whether you can have this: {scheme.title}."
        case _:
            return f"We need to see {FACT_WORDS.get(operator.fact, operator.fact)}."


def _sentence(entry: Entry, key: str, *, dated: bool) -> str:
    text = entry.text(key)
    rest = text.replace(DATE, "") if dated else text
    if "{" in rest or "}" in rest:
        allowed = f"only {DATE} may stand in braces" if dated else "nothing may stand in braces"
        entry.fault(key, f"'{key}': {allowed} here")
    return text


def _fact(entry: Entry, wanted: object) -> str:
    """The name of a fact that is of the type the operator needs."""
    name = entry.text("fact")
    if not name:
        return name
    if name not in _FACT_TYPES:
        entry.fault("fact", f"there is no fact '{name}'; there are {', '.join(_FACT_TYPES)}")
    elif _FACT_TYPES[name] != wanted | UnsetType:
        entry.fault("fact", f"'{name}' is not {_TYPE_WORDS[wanted]}, which this operator needs")
    return name


def _equals(entry: Entry, _shelf: Shelf) -> Equals:
    return Equals(_fact(entry, bool), entry.yes_or_no("value"))


def _at_least_age(entry: Entry, _shelf: Shelf) -> AtLeastAge:
    return AtLeastAge(_fact(entry, date), entry.whole("age"))


def _pensionable_by(entry: Entry, shelf: Shelf) -> PensionableBy:
    fact, table = _fact(entry, date), entry.text("table")
    if table and table != STATE_PENSION_AGE:
        entry.fault("table", f"there is no table '{table}'; there is {STATE_PENSION_AGE}")
    return PensionableBy(fact, shelf.pension)


def _resident_in(entry: Entry, shelf: Shelf) -> ResidentIn:
    fact, area, areas = _fact(entry, str), entry.text("area"), shelf.authorities.areas
    if area and area not in areas:
        entry.fault("area", f"there is no area '{area}'; there are {', '.join(sorted(areas))}")
    return ResidentIn(fact, areas.get(area, Area(area, "", ())))


def _has_evidence(entry: Entry, shelf: Shelf) -> HasEvidence:
    fact = _fact(entry, tuple[Evidence, ...])
    kinds = entry.table("within_months")
    within_months = {kind: kinds.whole(kind) for kind in kinds}
    if not within_months and "within_months" in entry:
        entry.fault("within_months", "'within_months' names no kind of evidence")
    for kind in within_months.keys() - shelf.evidence:
        kinds.fault(kind, f"there is no kind of evidence '{kind}' in evidence_kinds.csv")
    stated = "or_until_stated" in entry and entry.yes_or_no("or_until_stated")
    return HasEvidence(fact, within_months, stated)


def _not_eligible_for(entry: Entry, shelf: Shelf) -> Operator:
    name = entry.text("scheme")
    scheme = shelf.schemes.get(name)
    if scheme is not None:
        return NotEligibleFor(scheme)
    if name:
        entry.fault("scheme", f"there is no scheme '{name}' that can be read")
    return _NOTHING.operator


_OPERATORS: Final[Mapping[str, Callable[[Entry, Shelf], Operator]]] = MappingProxyType(
    {
        "equals": _equals,
        "at_least_age": _at_least_age,
        "pensionable_by": _pensionable_by,
        "resident_in": _resident_in,
        "has_evidence": _has_evidence,
        "not_eligible_for": _not_eligible_for,
    }
)
_NOTHING: Final = Condition(
    name="", operator=Equals("", value=False), law="", why="", why_not="", ask=""
)
"""To go on reading with, once a fault has been recorded."""
