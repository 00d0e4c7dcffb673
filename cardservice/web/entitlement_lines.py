"""What a resident holds and could hold, in the words of a page."""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from cardservice.web.environment import day
from cardservice.web.words import gettext as _
from entitlements.application_models import Application, ApplicationState
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
from entitlements.grant_states import GrantState
from entitlements.schemes.rule import Given
from readers.contract.services import Service


class Standing(Enum):
    """Where a resident stands with a scheme. The value is the colour of its tag.

    In the order in which they are shown.
    """

    HELD = "green"
    SUSPENDED = "red"
    STARTS_LATER = "teal"
    ANSWER_WANTED = "magenta"
    BEING_ADDED = "blue"
    APPLIED = "turquoise"
    NOT_YET = "yellow"
    OFFERED = "light-blue"
    DECLINED = "pink"
    PROOF_NEEDED = "orange"
    UNKNOWN = "purple"
    NOT_ELIGIBLE = "grey"


TAGS: Final[Mapping[Standing, str]] = {
    Standing.HELD: _("Held"),
    Standing.STARTS_LATER: _("Starts later"),
    Standing.SUSPENDED: _("Suspended"),
    Standing.ANSWER_WANTED: _("Offered to you"),
    Standing.BEING_ADDED: _("Being added"),
    Standing.APPLIED: _("Applied for"),
    Standing.DECLINED: _("You said no"),
    Standing.OFFERED: _("You can apply"),
    Standing.NOT_YET: _("Not yet"),
    Standing.NOT_ELIGIBLE: _("Not eligible"),
    Standing.PROOF_NEEDED: _("Proof needed"),
    Standing.UNKNOWN: _("More to be known"),
}


class Group(Enum):
    """Under which heading a page shows a line, in the order of the page."""

    HAS = "has"
    COULD_HAVE = "could-have"
    NOT_NOW = "not-now"


UNDECIDED: Final = frozenset({Standing.PROOF_NEEDED, Standing.UNKNOWN})
_LACKING: Final = UNDECIDED | {Standing.APPLIED}


class Lead(msgspec.Struct, frozen=True):
    """Where a line leads: the path below the resident's pages, and the words of the link."""

    path: str
    words: str


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
    lead: Lead | None = None

    @property
    def group(self) -> Group:
        """What is suspended is held, and what may be had one day could be had."""
        if self.standing in {Standing.HELD, Standing.SUSPENDED, Standing.STARTS_LATER}:
            return Group.HAS
        return Group.NOT_NOW if self.standing is Standing.NOT_ELIGIBLE else Group.COULD_HAVE


def lines(
    explained: Iterable[Explained],
    *,
    on: date,
    applications: Mapping[str, Application] = MappingProxyType({}),
) -> tuple[Line, ...]:
    """Every scheme: what is held first, what is out of reach last.

    Args:
        explained: what the rules say, and what is held.
        on: the day.
        applications: those that are started or wait, by scheme.
    """
    order = {standing: place for place, standing in enumerate(Standing)}
    found = [
        line(each, on=on, applied=applications.get(each.decision.scheme)) for each in explained
    ]
    return tuple(sorted(found, key=lambda each: (order[each.standing], each.title)))


def line(explained: Explained, *, on: date, applied: Application | None = None) -> Line:
    """One scheme as the rule sees it on a day, what is held, and what was applied for."""
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
        needed=_sentences(decision.trace, Truth.UNKNOWN) if standing in _LACKING else (),
        notes=explained.notes if standing in _TERMS_MATTER else (),
        laws=tuple(dict.fromkeys(step.law for step in decision.trace)),
        changes=_changes(decision, standing),
        is_travel=decision.service is Service.TRAVEL,
        lead=_lead(explained, standing, applied),
    )


def _lead(explained: Explained, standing: Standing, applied: Application | None) -> Lead | None:
    scheme = explained.decision.scheme
    if applied is not None:
        started = applied.state is ApplicationState.STARTED
        words = _("Go on with your application") if started else _("See your application")
        return Lead(f"/applications/{applied.reference}", words)
    if standing in {Standing.ANSWER_WANTED, Standing.DECLINED}:
        return Lead(f"/offers/{scheme}", _("Say whether you want it"))
    if standing in _CAN_APPLY and explained.given is not Given.ELSEWHERE:
        return Lead(f"/apply/{scheme}", _("Apply"))
    return None


_CAN_APPLY: Final = UNDECIDED | {Standing.OFFERED}
_STANDS: Final[Mapping[GrantState, Standing]] = {
    GrantState.OFFERED: Standing.ANSWER_WANTED,
    GrantState.DECLINED: Standing.DECLINED,
    GrantState.APPLIED: Standing.APPLIED,
    GrantState.SUSPENDED: Standing.SUSPENDED,
}


_TERMS_MATTER: Final = frozenset(
    {
        Standing.HELD,
        Standing.STARTS_LATER,
        Standing.ANSWER_WANTED,
        Standing.BEING_ADDED,
        Standing.OFFERED,
        Standing.DECLINED,
    }
)


def _standing(explained: Explained, on: date) -> Standing:
    held, stands = explained.held, explained.stands
    if held is not None:
        return Standing.HELD if held.valid_from <= on else Standing.STARTS_LATER
    if explained.shown_until is not None:
        return Standing.HELD
    if stands is not None and stands.state in _STANDS:
        return _STANDS[stands.state]
    return _by_rule(explained)


def _by_rule(explained: Explained) -> Standing:
    decision = explained.decision
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
