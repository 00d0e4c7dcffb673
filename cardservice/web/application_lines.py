"""Applications in the words of a page: how far each is, and what happens next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements.application_models import (
    Application,
    ApplicationEvent,
    ApplicationState,
    Happened,
)
from entitlements.facts import Fed
from entitlements.questions import Question, Wanted
from entitlements.schemes.notes import money
from identity.actors import ActorKind
from identity.personal import PersonVault

STATE_WORDS: Final[Mapping[ApplicationState, tuple[str, str]]] = {
    ApplicationState.STARTED: (_("Not sent yet"), "yellow"),
    ApplicationState.SUBMITTED: (_("Being looked at"), "turquoise"),
    ApplicationState.EVIDENCE_WANTED: (_("Proof needed"), "orange"),
    ApplicationState.GRANTED: (_("Granted"), "green"),
    ApplicationState.REFUSED: (_("Refused"), "red"),
    ApplicationState.WITHDRAWN: (_("Withdrawn"), "grey"),
    ApplicationState.REVIEW_ASKED: (_("Being looked at again"), "magenta"),
}
"""State -> what a page calls it, and the colour of its tag."""
NEXT_WORDS: Final[Mapping[ApplicationState, str]] = {
    ApplicationState.STARTED: _("Finish it and send it. We keep it for 90 days."),
    ApplicationState.SUBMITTED: _("A member of staff decides it. We will send you a message."),
    ApplicationState.EVIDENCE_WANTED: _("Show us the proof we need. We decide once we have it."),
    ApplicationState.GRANTED: _("There is nothing you need to do."),
    ApplicationState.REFUSED: _("You can read why, and what you can do."),
    ApplicationState.WITHDRAWN: _("Nothing more happens. You can apply again at any time."),
    ApplicationState.REVIEW_ASKED: _("Another member of staff looks at it. We will tell you."),
}
SENT_WORDS: Final[Mapping[Wanted | None, str]] = {
    None: _("You will have our answer at once."),
    Wanted.EVIDENCE: _("We will need to see proof before we can decide."),
    Wanted.OFFICER: _("A member of staff will decide, and we will send you a message."),
}
"""What follows when an application is sent."""
_EVENT_WORDS: Final[Mapping[str, str]] = {
    Happened.STARTED: _("Started"),
    Happened.SUBMITTED: _("Sent"),
    Happened.EVIDENCE_WANTED: _("Proof asked for"),
    Happened.EVIDENCE_GIVEN: _("Proof given"),
    Happened.LOOKED_UP: _("A register was asked"),
    Happened.GRANTED: _("Granted"),
    Happened.REFUSED: _("Refused"),
    Happened.WITHDRAWN: _("Withdrawn"),
    Happened.REVIEW_ASKED: _("A review was asked for"),
}
"""What a resident reads of the history; the rest is how staff share their work."""
YES, NO, UNKNOWN = "yes", "no", "unknown"
ANSWER_WORDS: Final = {YES: _("Yes"), NO: _("No"), UNKNOWN: _("I do not know")}


class ApplicationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One application on a page.

    Attributes:
        tag: how far it is in a few words, and `colour` of the tag.
        next: one sentence about what happens next.
        is_open: whether it was not sent yet.
    """

    reference: str
    title: str
    tag: str
    colour: str
    next: str
    started_at: datetime
    submitted_at: datetime | None
    closed_at: datetime | None
    is_open: bool


class EventLine(msgspec.Struct, frozen=True):
    """Something that happened, in the words of a page."""

    at: datetime
    what: str
    who: str
    words: str


def application_line(row: Application, title: str) -> ApplicationLine:
    """One application; `title` is its scheme's."""
    tag, colour = STATE_WORDS[row.state]
    return ApplicationLine(
        reference=row.reference,
        title=title,
        tag=tag,
        colour=colour,
        next=NEXT_WORDS[row.state],
        started_at=row.started_at,
        submitted_at=row.submitted_at,
        closed_at=row.closed_at,
        is_open=row.state is ApplicationState.STARTED,
    )


def event_lines(personal: PersonVault, events: Sequence[ApplicationEvent]) -> tuple[EventLine, ...]:
    """The history that its resident reads; who is named where staff did something.

    What happened at one moment stands in the order in which an application goes on.
    """
    order = list(_EVENT_WORDS)
    told = [each for each in events if each.what in _EVENT_WORDS]
    return tuple(
        EventLine(
            each.at,
            _EVENT_WORDS[each.what],
            each.by_label if each.by_kind is ActorKind.STAFF else "",
            records.words_of(personal, each),
        )
        for each in sorted(told, key=lambda each: (each.at, order.index(each.what)))
    )


def answer_words(question: Question, value: Fed | None) -> str:
    """What was answered."""
    if value is None:
        return ANSWER_WORDS[UNKNOWN]
    if question.is_money:
        return money(value)
    return ANSWER_WORDS[YES if value else NO]
