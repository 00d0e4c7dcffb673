"""What a rule file says, as values: schemes, rules, conditions and the operators they use."""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from entitlements.schemes.authorities import Area, Authorities
from entitlements.schemes.dates import NEVER, day_after
from entitlements.schemes.pension import PensionTable
from readers.contract.services import Service

DATE: Final = "{date}"
"""Where a sentence of a condition takes the day in question."""


class Equals(msgspec.Struct, frozen=True, tag_field="op", tag="equals"):
    """A yes-or-no fact has this value."""

    fact: str
    value: bool


class AtLeastAge(msgspec.Struct, frozen=True, tag_field="op", tag="at_least_age"):
    """The birthday on which this age is reached has come."""

    fact: str
    age: int


class PensionableBy(msgspec.Struct, frozen=True, tag_field="op", tag="pensionable_by"):
    """The day of pensionable age in the table has come."""

    fact: str
    table: PensionTable


class ResidentIn(msgspec.Struct, frozen=True, tag_field="op", tag="resident_in"):
    """The district belongs to the area on the day."""

    fact: str
    area: Area


class HasEvidence(msgspec.Struct, frozen=True, tag_field="op", tag="has_evidence"):
    """A document of one of these kinds has been seen and still counts.

    Attributes:
        within_months: for each kind, the months it counts from the date on it; the day that many
            months later is the last.
        or_until_stated: whether it also counts until the day the document itself states.
    """

    fact: str
    within_months: Mapping[str, int]
    or_until_stated: bool


class NotEligibleFor(msgspec.Struct, frozen=True, tag_field="op", tag="not_eligible_for"):
    """Another scheme, which goes first, says no."""

    scheme: "Scheme"


Operator = Equals | AtLeastAge | PensionableBy | ResidentIn | HasEvidence | NotEligibleFor


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must be so.

    Attributes:
        why: what the person is told when it is so; may hold `{date}`, the day it came about.
        why_not: when it is not; may hold `{date}`, the day it will come about.
        ask: when it cannot be told.
    """

    name: str
    operator: Operator
    law: str
    why: str
    why_not: str
    ask: str


class Band(msgspec.Struct, frozen=True):
    """A class by age: from this birthday until the next band's."""

    id: str
    from_age: int


class Validity(msgspec.Struct, frozen=True):
    """How long a grant lasts.

    Attributes:
        months: at most this long from the day of the grant.
        authorities: if given, no longer than the issuing authority's next card expiry day.
    """

    months: int
    authorities: Authorities | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a scheme's rule.

    Attributes:
        effective_from: first day it is the law.
        effective_to: last day, or `dates.NEVER`.
        entitlement_class: what the card says; `""` in a rule with bands, whose ids say it.
        bands: by rising age; empty in a rule without bands.
    """

    version: str
    effective_from: date
    effective_to: date
    law: str
    entitlement_class: str
    bands: tuple[Band, ...]
    validity: Validity
    conditions: tuple[Condition, ...]


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """Something a resident may be entitled to.

    Attributes:
        rules: in order of time, without overlap or gap.
    """

    id: str
    service: Service
    title: str
    rules: tuple[Rule, ...]

    def rule_on(self, on: date) -> Rule | None:
        """The rule in force that day; None before the first and after the last."""
        for rule in self.rules:
            if rule.effective_from <= on <= rule.effective_to:
                return rule
        return None

    def next_rule_day(self, on: date) -> date:
        """The first later day another rule, or none, is in force; `NEVER` if that never comes."""
        for rule in self.rules:
            if on < rule.effective_from:
                return rule.effective_from
            if on <= rule.effective_to:
                return day_after(rule.effective_to)
        return NEVER
