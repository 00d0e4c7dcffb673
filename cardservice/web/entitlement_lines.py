"""What a resident holds and could hold, in the words of a page."""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from typing import Final, assert_never

import msgspec

from cardservice.web.environment import day
from cardservice.web.words import gettext as _
from entitlements.assessing import Explained
from entitlements.decision import (
    Decision,
    Eligible,
    NeedsEvidence,
    NeedsFacts,
    NotEligible,
    Step,
    Truth,
)
from entitlements.schemes.rule import Given
from readers.contract.services import Service


class Standing(Enum):
    """Where a resident stands with a scheme. The value is the colour of its tag.

    In the order in which they are shown.
    """

    HELD = "green"
    STARTS_LATER = "teal"
    BEING_ADDED = "blue"
    NOT_YET = "yellow"
    OFFERED = "light-blue"
    PROOF_NEEDED = "orange"
    UNKNOWN = "purple"
    NOT_ELIGIBLE = "grey"


TAGS: Final[Mapping[Standing, str]] = {
    Standing.HELD: _("Held"),
    Standing.STARTS_LATER: _("Starts later"),
    Standing.BEING_ADDED: _("Being added"),
    Standing.OFFERED: _("You can apply"),
    Standing.NOT_YET: _("Not yet"),
    Standing.NOT_ELIGIBLE: _("Not eligible"),
    Standing.PROOF_NEEDED: _("Proof needed"),
    Standing.UNKNOWN: _("More to be known"),
}


UNDECIDED: Final = frozenset({Standing.PROOF_NEEDED, Standing.UNKNOWN})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One scheme on a page.

    Attributes:
        scheme: id, for anchors.
        title: of the scheme.
        standing: where the resident stands.
        tag: the same in a few words.
        dates: one sentence about when; empty when there is nothing to say.
        why: what is met, each in one sentence.
        why_not: what is not met.
        needed: what has to be shown or known before it can be decided.
        notes: what belongs to it: its terms, what it costs, what an offer gives.
        laws: the references these rest on, in the rule's order, each once.
        changes: when the answer may change by itself; empty when it does not.
        is_travel: whether the notice about statutory permits belongs to it.
    """

    scheme: str
    title: str
    standing: Standing
    tag: str
    dates: str
    why: tuple[str, ...]
    why_not: tuple[str, ...]
    needed: tuple[str, ...]
    notes: tuple[str, ...]
    laws: tuple[str, ...]
    changes: str
    is_travel: bool


def lines(explained: Iterable[Explained], *, on: date) -> tuple[Line, ...]:
    """Every scheme: what is held first, what is out of reach last."""
    order = {standing: place for place, standing in enumerate(Standing)}
    found = [line(each, on=on) for each in explained]
    return tuple(sorted(found, key=lambda each: (order[each.standing], each.title)))


def line(explained: Explained, *, on: date) -> Line:
    """One scheme as the rule sees it on a day, and what is held."""
    decision = explained.decision
    standing = _standing(explained, on)
    return Line(
        scheme=decision.scheme,
        title=explained.title,
        standing=standing,
        tag=TAGS[standing],
        dates=_dates(explained, standing),
        why=_sentences(decision.trace, Truth.YES),
        why_not=_sentences(decision.trace, Truth.NO),
        needed=_sentences(decision.trace, Truth.UNKNOWN) if standing in UNDECIDED else (),
        notes=explained.notes if standing in _TERMS_MATTER else (),
        laws=tuple(dict.fromkeys(step.law for step in decision.trace)),
        changes=_changes(decision, standing),
        is_travel=decision.service is Service.TRAVEL,
    )


_TERMS_MATTER: Final = frozenset(
    {Standing.HELD, Standing.STARTS_LATER, Standing.BEING_ADDED, Standing.OFFERED}
)


def _standing(explained: Explained, on: date) -> Standing:
    decision, held = explained.decision, explained.held
    if held is not None:
        return Standing.HELD if held.valid_from <= on else Standing.STARTS_LATER
    if explained.shown_until is not None:
        return Standing.HELD
    match decision:
        case Eligible():
            automatic = explained.given is Given.AUTOMATICALLY
            return Standing.BEING_ADDED if automatic else Standing.OFFERED
        case NotEligible():
            return Standing.NOT_YET if decision.eligible_from else Standing.NOT_ELIGIBLE
        case NeedsEvidence():
            return Standing.PROOF_NEEDED
        case NeedsFacts():
            return Standing.UNKNOWN
        case never:
            assert_never(never)


def _dates(explained: Explained, standing: Standing) -> str:
    decision, held = explained.decision, explained.held
    if held is None and explained.shown_until is not None:
        return _("Until the end of %(last)s.") % {"last": day(explained.shown_until)}
    if held is not None:
        words = _("From %(first)s until the end of %(last)s.")
        return words % {"first": day(held.valid_from), "last": day(held.valid_until)}
    if (
        standing is Standing.NOT_YET
        and isinstance(decision, NotEligible)
        and decision.eligible_from
    ):
        words = (
            _("From %(first)s, if nothing else changes. There is no need to apply.")
            if explained.given is Given.AUTOMATICALLY
            else _("From %(first)s, if nothing else changes. You can apply then.")
        )
        return words % {"first": day(decision.eligible_from)}
    return ""


def _changes(decision: Decision, standing: Standing) -> str:
    """The day of a *not yet* is said already."""
    if decision.next_change_on is None or standing is Standing.NOT_YET:
        return ""
    return _("We will look at this again on %(day)s.") % {"day": day(decision.next_change_on)}


def _sentences(trace: tuple[Step, ...], outcome: Truth) -> tuple[str, ...]:
    return tuple(step.why for step in trace if step.outcome is outcome)
