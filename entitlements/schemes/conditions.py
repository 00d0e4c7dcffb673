"""Reading one condition of a rule: its operator, what the operator needs, and its sentences."""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, get_type_hints

import msgspec
from msgspec import UnsetType

from entitlements.facts import FACT_WORDS, Evidence, ResidentFacts
from entitlements.schemes.authorities import Area, Authorities
from entitlements.schemes.pension import PensionTable
from entitlements.schemes.rule import (
    DATE,
    AgedInSchoolYear,
    AnyOf,
    AtLeastAge,
    AtMost,
    Condition,
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
from entitlements.schemes.tomlfile import Entry

STATE_PENSION_AGE: Final = "state-pension-age"
OLDEST: Final = 130  # years: the oldest age a rule may name
MOST_MONTHS: Final = 1200

_FACT_TYPES: Final = get_type_hints(ResidentFacts)
_TYPE_WORDS: Final[Mapping[object, str]] = MappingProxyType(
    {
        date: "a date",
        str: "a district code",
        bool: "a yes or no",
        int: "a sum of money",
        tuple[Evidence, ...]: "a list of evidence",
    }
)


class OwnWord(StrEnum):
    """What a resident's own word about a fact is worth."""

    NOTHING = ""
    CLAIM = "claim"
    ENOUGH = "enough"


class FedFact(msgspec.Struct, frozen=True):
    """A fact that another system or an officer tells us.

    Attributes:
        type: `bool`, or `int` for pence.
        words: what a resident is asked for.
        own_word: what the resident's own word about it is worth; no word, and they are not asked.
        by_officer: whether an officer may tell it, with a reason; otherwise other systems alone do.
    """

    type: type
    words: str
    own_word: OwnWord = OwnWord.NOTHING
    by_officer: bool = False


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What rules may refer to.

    Attributes:
        pension: the table called `state-pension-age`.
        evidence: every kind of evidence there is, and the kind it counts as too, or `""`.
        fed: the facts of `facts.csv` by name: their type, and their words.
        schemes: those read already, by id.
    """

    authorities: Authorities
    pension: PensionTable
    evidence: Mapping[str, str]
    fed: Mapping[str, FedFact]
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
    dated = isinstance(operator, AtLeastAge | UnderAge | PensionableBy)
    condition = Condition(
        name=name,
        operator=operator,
        law=law,
        why=_sentence(entry, "why", dated=dated),
        why_not=_sentence(entry, "why_not", dated=dated) if _can_fail(operator) else "",
        ask=_ask(entry, operator, shelf),
    )
    entry.no_other_keys()
    return condition


def _can_fail(operator: Operator) -> bool:
    """Evidence is never a no: what has not been seen may exist."""
    match operator:
        case HasEvidence():
            return False
        case AnyOf(of):
            return all(_can_fail(each) for each in of)
        case _:
            return True


def _ask(entry: Entry, operator: Operator, shelf: Shelf) -> str:
    match operator:
        case HasEvidence() | AnyOf():
            return _sentence(entry, "ask", dated=False)
        case EligibleFor(scheme) | NotEligibleFor(scheme):
            return f"First we need to know whether you can have this: {scheme.title}."
        case _:
            if fed := shelf.fed.get(operator.fact):
                return f"We need to know {fed.words}."
            return f"We need to see {FACT_WORDS.get(operator.fact, operator.fact)}."


def _sentence(entry: Entry, key: str, *, dated: bool) -> str:
    text = entry.text(key)
    rest = text.replace(DATE, "") if dated else text
    if "{" in rest or "}" in rest:
        allowed = f"only {DATE} may stand in braces" if dated else "nothing may stand in braces"
        entry.fault(key, f"'{key}': {allowed} here")
    return text


def _fact(entry: Entry, shelf: Shelf, wanted: object) -> str:
    """The name of a fact that is of the type the operator needs."""
    name = entry.text("fact")
    if not name:
        return name
    types = {**_FACT_TYPES, **{fed: fact.type | UnsetType for fed, fact in shelf.fed.items()}}
    if name not in types:
        entry.fault("fact", f"there is no fact '{name}'; there are {', '.join(types)}")
    elif types[name] != wanted | UnsetType:
        entry.fault("fact", f"'{name}' is not {_TYPE_WORDS[wanted]}, which this operator needs")
    return name


def _equals(entry: Entry, shelf: Shelf) -> Equals:
    return Equals(_fact(entry, shelf, bool), entry.yes_or_no("value"))


def _at_most(entry: Entry, shelf: Shelf) -> AtMost:
    return AtMost(_fact(entry, shelf, int), entry.whole("pence"))


def _at_least_age(entry: Entry, shelf: Shelf) -> AtLeastAge:
    return AtLeastAge(_fact(entry, shelf, date), entry.whole("age", most=OLDEST))


def _under_age(entry: Entry, shelf: Shelf) -> UnderAge:
    age = entry.whole("age", most=OLDEST)
    if "age" in entry and not age:
        entry.fault("age", "nobody is under 0")
    return UnderAge(_fact(entry, shelf, date), age)


def _aged_in_school_year(entry: Entry, shelf: Shelf) -> AgedInSchoolYear:
    first, last = entry.whole("from_age", most=OLDEST), entry.whole("to_age", most=OLDEST)
    if "to_age" in entry and last < first:
        entry.fault("to_age", "'to_age' is less than 'from_age'")
    return AgedInSchoolYear(_fact(entry, shelf, date), first, last)


def _pensionable_by(entry: Entry, shelf: Shelf) -> PensionableBy:
    fact, table = _fact(entry, shelf, date), entry.text("table")
    if table and table != STATE_PENSION_AGE:
        entry.fault("table", f"there is no table '{table}'; there is {STATE_PENSION_AGE}")
    return PensionableBy(fact, shelf.pension)


def _resident_in(entry: Entry, shelf: Shelf) -> ResidentIn:
    fact, area, areas = _fact(entry, shelf, str), entry.text("area"), shelf.authorities.areas
    if area and area not in areas:
        entry.fault("area", f"there is no area '{area}'; there are {', '.join(sorted(areas))}")
    return ResidentIn(fact, areas.get(area, Area(area, "", ())))


def _has_evidence(entry: Entry, shelf: Shelf) -> HasEvidence:
    fact = _fact(entry, shelf, tuple[Evidence, ...])
    kinds = entry.table("within_months")
    within_months = {kind: kinds.whole(kind, most=MOST_MONTHS) for kind in kinds}
    if not within_months and "within_months" in entry:
        entry.fault("within_months", "'within_months' names no kind of evidence")
    until_stated = tuple(entry.texts("until_stated")) if "until_stated" in entry else ()
    for kind in within_months.keys() - shelf.evidence.keys():
        kinds.fault(kind, f"there is no kind of evidence '{kind}' in evidence_kinds.csv")
    for kind in until_stated:
        if kind not in shelf.evidence:
            message = f"there is no kind of evidence '{kind}' in evidence_kinds.csv"
            entry.fault("until_stated", message)
        elif kind in within_months:
            entry.fault("until_stated", f"'{kind}' is in 'within_months' too")
    stated = "or_until_stated" in entry and entry.yes_or_no("or_until_stated")
    return HasEvidence(fact, _with_narrower(within_months, shelf), stated, until_stated)


def _with_narrower(within_months: Mapping[str, int], shelf: Shelf) -> Mapping[str, int]:
    """With the kinds that count as one of these: who has shown more is not asked again."""
    narrower = {
        kind: within_months[as_]
        for kind, as_ in shelf.evidence.items()
        if as_ in within_months and kind not in within_months
    }
    return {**within_months, **narrower}


def _other(entry: Entry, shelf: Shelf) -> Scheme | None:
    name = entry.text("scheme")
    scheme = shelf.schemes.get(name)
    if scheme is None and name:
        entry.fault("scheme", f"there is no scheme '{name}' that can be read")
    return scheme


def _eligible_for(entry: Entry, shelf: Shelf) -> Operator:
    scheme = _other(entry, shelf)
    return EligibleFor(scheme) if scheme else _NOTHING.operator


def _not_eligible_for(entry: Entry, shelf: Shelf) -> Operator:
    scheme = _other(entry, shelf)
    return NotEligibleFor(scheme) if scheme else _NOTHING.operator


def _any_of(entry: Entry, shelf: Shelf) -> AnyOf:
    found = []
    for each in entry.tables("of"):
        op = each.text("op")
        read = _OPERATORS.get(op)
        if read is None and op:
            each.fault("op", f"there is no operator '{op}'; there are {', '.join(_OPERATORS)}")
        elif read is not None:
            found.append(read(each, shelf))
            each.no_other_keys()
    if "of" in entry and len(found) == 1:
        entry.fault("of", "'of' must list two conditions or more")
    return AnyOf(tuple(found) or (_NOTHING.operator,))


_OPERATORS: Final[Mapping[str, Callable[[Entry, Shelf], Operator]]] = MappingProxyType(
    {
        "equals": _equals,
        "at_least_age": _at_least_age,
        "under_age": _under_age,
        "aged_in_school_year": _aged_in_school_year,
        "pensionable_by": _pensionable_by,
        "resident_in": _resident_in,
        "has_evidence": _has_evidence,
        "at_most": _at_most,
        "eligible_for": _eligible_for,
        "not_eligible_for": _not_eligible_for,
        "any_of": _any_of,
    }
)
_NOTHING: Final = Condition(
    name="", operator=Equals("", value=False), law="", why="", why_not="", ask=""
)
"""To go on reading with, once a fault has been recorded."""
