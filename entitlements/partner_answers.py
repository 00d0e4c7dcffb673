"""What a partner is told: the types, which can hold no more than it may know, and the rule.

Nothing here has a place for a name, a birth date, an address, a benefit or a disability; an
architecture test walks the types. Sentences come from the rule of the offer and from the table
below, and their makers are given no person.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from entitlements.schemes.rule import Rule

Band = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=24,
        description="A band by age, as the scheme names it.",
    ),
]
Subject = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]{22,40}$",
        description="Your name for the holder: random, the same for ever, and only yours.",
    ),
]
Sentence = Annotated[str, Meta(max_length=300, description="Show it to whoever serves.")]
Uses = Annotated[int, Meta(ge=0)]


class Answered(StrEnum):
    """Yes, no, or that it cannot be told."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class CheckAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of whoever showed a card.

    Attributes:
        decision: `unknown` whenever we cannot tell who showed it: an unknown or blocked card, a
            wrong code, a token or pass that is not good, too many wrong codes.
        band: where the scheme has bands and the organisation may know it; with a yes.
        remaining: uses left this year in an offer with a quota; with a yes.
        valid_until: last day of what the holder was given, as far as is known today; with a yes.
        subject: the organisation's name for the holder; with a yes.
        messages: sentences that must be displayed.
    """

    decision: Answered
    band: Band | None = None
    remaining: Uses | None = None
    valid_until: date | None = None
    subject: Subject | None = None
    messages: tuple[Sentence, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """What a holder was given, as far as an answer needs it.

    Attributes:
        entitlement_class: of the grant.
        valid_until: its last day, inclusive.
        used: how often the offer was used this year.
    """

    entitlement_class: str
    valid_until: date
    used: int


WORDS: Final = {
    Answered.NO: "This card does not give this offer.",
    Answered.UNKNOWN: "We cannot tell. Check the number and the code, or ask for another proof.",
}
COMPANIONS: Final = {1: "One person may come with the holder on the same terms."}
USED_UP: Final = "This offer was used as often as it can be this year."

NOBODY: Final = CheckAnswer(decision=Answered.UNKNOWN, messages=(WORDS[Answered.UNKNOWN],))
"""The one answer for whoever we do not know, whatever the cause."""


def answer(rule: Rule | None, held: Held | None, *, tells_band: bool, subject: str) -> CheckAnswer:
    """The answer about a holder whom the card showed.

    Args:
        rule: in force for the scheme; None where none is.
        held: what they were given and holds today; None for nothing.
        tells_band: whether the organisation may know the band.
        subject: its name for them.
    """
    if rule is None or held is None:
        return CheckAnswer(decision=Answered.NO, messages=(WORDS[Answered.NO],))
    left = remaining(rule, held.used)
    if left == 0:
        return CheckAnswer(decision=Answered.NO, messages=(USED_UP,))
    by_age = held.entitlement_class in {band.id for band in rule.bands}
    return CheckAnswer(
        decision=Answered.YES,
        band=held.entitlement_class if tells_band and by_age else None,
        remaining=left,
        valid_until=held.valid_until,
        subject=subject,
        messages=sentences(rule),
    )


def remaining(rule: Rule, used: int) -> int | None:
    """Uses left this year; None where the rule sets no number."""
    if rule.offer is None or not rule.offer.times_a_year:
        return None
    return max(rule.offer.times_a_year - used, 0)


def sentences(rule: Rule) -> tuple[str, ...]:
    """What a partner must display with a yes: the terms of the rule, and who may come too."""
    companions = rule.offer.companions if rule.offer else 0
    if not companions:
        return rule.terms
    others = f"{companions} people may come with the holder on the same terms."
    return (*rule.terms, COMPANIONS.get(companions, others))
