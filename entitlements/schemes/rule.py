"""What a rule file says, as values: schemes, rules, conditions and the operators they use."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
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


class UnderAge(msgspec.Struct, frozen=True, tag_field="op", tag="under_age"):
    """The birthday on which this age is reached has not come."""

    fact: str
    age: int


class AgedInSchoolYear(msgspec.Struct, frozen=True, tag_field="op", tag="aged_in_school_year"):
    """On 31 August before the school year, the age was from one to the other, both included.

    School years begin on 1 September.
    """

    fact: str
    from_age: int
    to_age: int


class AtMost(msgspec.Struct, frozen=True, tag_field="op", tag="at_most"):
    """A sum of money is this or less.

    Attributes:
        most: pence.
    """

    fact: str
    most: int


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
        until_stated: kinds that count until the day they state, and only if they state one.
    """

    fact: str
    within_months: Mapping[str, int]
    or_until_stated: bool
    until_stated: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that will do, in the rule's order."""
        return (*self.within_months, *self.until_stated)


class NotEligibleFor(msgspec.Struct, frozen=True, tag_field="op", tag="not_eligible_for"):
    """Another scheme, which goes first, says no."""

    scheme: "Scheme"


class EligibleFor(msgspec.Struct, frozen=True, tag_field="op", tag="eligible_for"):
    """Another scheme says yes."""

    scheme: "Scheme"


class AnyOf(msgspec.Struct, frozen=True, tag_field="op", tag="any_of"):
    """At least one of these is so."""

    of: "tuple[Operator, ...]"


Operator = (
    Equals
    | AtLeastAge
    | UnderAge
    | AgedInSchoolYear
    | AtMost
    | PensionableBy
    | ResidentIn
    | HasEvidence
    | EligibleFor
    | NotEligibleFor
    | AnyOf
)


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


class DayOfYear(msgspec.Struct, frozen=True):
    """A day that comes every year."""

    month: int
    day: int

    def on_or_after(self, on: date) -> date:
        """The first such day that is not before `on`."""
        this_year = date(on.year, self.month, self.day)
        return this_year if this_year >= on else this_year.replace(year=on.year + 1)


class Validity(msgspec.Struct, frozen=True):
    """How long a grant lasts.

    Attributes:
        months: at most this long from the day of the grant.
        authorities: if given, no longer than the issuing authority's next card expiry day.
        ends: if given, no longer than the next such day.
    """

    months: int
    authorities: Authorities | None = None
    ends: DayOfYear | None = None


class Given(StrEnum):
    """How somebody who is eligible comes to have it."""

    AUTOMATICALLY = "automatically"
    ON_APPLICATION = "on-application"
    ELSEWHERE = "elsewhere"


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What something costs, from a day until a day.

    Attributes:
        words: what is paid for.
        pence: how much.
        until: the last day, or `NEVER`.
        confirmed: whether whoever charges it has said that it is right.
    """

    words: str
    pence: int
    first: date
    until: date
    confirmed: bool


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner gives to those who are eligible.

    Attributes:
        partner: as residents know them.
        percent_off: 1 to 100; 0 where it is no discount.
        first_free: whether the first time costs nothing.
        times_a_year: how often in a calendar year; 0 is as often as one likes.
        companions: how many others may come with the holder on the same terms.
    """

    partner: str
    percent_off: int
    first_free: bool
    times_a_year: int
    companions: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a scheme's rule.

    Attributes:
        effective_from: first day it is the law.
        effective_to: last day, or `dates.NEVER`.
        entitlement_class: what the card says; `""` in a rule with bands, whose ids say it.
        bands: by rising age; empty in a rule without bands.
        uses: what somebody who is eligible may do with it, each on a condition of its own. None of
            them bears on whether the person is eligible.
        terms: sentences that belong to it, for whoever holds it and whoever honours it.
        offer: what a partner gives, in a partner's scheme.
    """

    version: str
    effective_from: date
    effective_to: date
    law: str
    entitlement_class: str
    bands: tuple[Band, ...]
    validity: Validity
    conditions: tuple[Condition, ...]
    uses: tuple[Condition, ...] = ()
    terms: tuple[str, ...] = ()
    offer: Offer | None = None


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """Something a resident may be entitled to.

    Attributes:
        service: whose record on a card says it; None where no card ever does.
        rules: in order of time, without overlap or gap.
        given: how somebody who is eligible comes to have it.
        card_rank: of two grants of one service a card shows the higher.
        shown_by: the kind of evidence that shows that somebody has it, where others give it.
        charges: of all times.
    """

    id: str
    service: Service | None
    title: str
    rules: tuple[Rule, ...]
    given: Given = Given.AUTOMATICALLY
    card_rank: int = 0
    shown_by: str = ""
    charges: tuple[Charge, ...] = ()

    def charges_on(self, on: date) -> tuple[Charge, ...]:
        """What is charged on a day, in the file's order."""
        return tuple(each for each in self.charges if each.first <= on <= each.until)

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
