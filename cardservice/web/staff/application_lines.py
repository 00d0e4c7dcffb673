"""An application in the words of a page for the staff who decide it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.environment import day, moment
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import claims, deciding, evidence_records, looking_up, rulebooks
from entitlements.application_models import Application, ApplicationState, Happened
from entitlements.claims import HeldBy
from entitlements.deciding import Outlook
from entitlements.decision import Step, Truth
from entitlements.evidence_models import EvidenceHow, EvidenceOutcome
from entitlements.evidence_records import Piece
from entitlements.facts import Fed
from entitlements.schemes.notes import money
from entitlements.schemes.rulebook import RuleBook
from entitlements.wanted import documents_wanted, facts_wanted
from identity import person_keys
from identity.actors import Actor
from identity.dates import london_date
from identity.evidence import KINDS, Proof
from identity.personal import Vault
from identity.places import DISTRICTS

PROOF_WORDS: Final = {
    Proof.IDENTITY: _("who the resident is"),
    Proof.ADDRESS: _("where the resident lives"),
    Proof.BENEFIT: _("a benefit"),
    Proof.DISABILITY: _("a disability"),
}
TRUTH_WORDS: Final = {
    Truth.YES: (_("Met"), "green"),
    Truth.NO: (_("Not met"), "red"),
    Truth.UNKNOWN: (_("Not known"), "yellow"),
}
OUTCOME_WORDS: Final = {
    EvidenceOutcome.WAITING: (_("Not looked at"), "yellow"),
    EvidenceOutcome.ACCEPTED: (_("Accepted"), "green"),
    EvidenceOutcome.REFUSED: (_("Refused"), "red"),
}
HOW_WORDS: Final = {
    EvidenceHow.UPLOADED: _("A file was sent"),
    EvidenceHow.SIGHTED: _("Seen at a desk"),
    EvidenceHow.REFERENCE: _("Found in another record"),
}
_EVENT_WORDS: Final = {
    Happened.STARTED: _("Started"),
    Happened.ANSWERED: _("A question answered"),
    Happened.SUBMITTED: _("Sent"),
    Happened.EVIDENCE_WANTED: _("More asked for"),
    Happened.EVIDENCE_GIVEN: _("Evidence given"),
    Happened.LOOKED_UP: _("Register asked"),
    Happened.CLAIMED: _("Claimed"),
    Happened.HANDED_OVER: _("Handed over"),
    Happened.GRANTED: _("Granted"),
    Happened.REFUSED: _("Refused"),
    Happened.WITHDRAWN: _("Withdrawn"),
    Happened.REVIEW_ASKED: _("A review was asked for"),
    Happened.NOTED: _("Released"),
}


class FactLine(msgspec.Struct, frozen=True):
    """A fact: what it is, and whether it is proved or only said."""

    words: str
    value: str
    is_proved: bool


class TraceLine(msgspec.Struct, frozen=True):
    """One condition of the rule."""

    tag: str
    colour: str
    why: str
    law: str


class EvidenceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of evidence.

    Attributes:
        has_file: whether there is a file to look at.
        is_picture: whether a page can show it.
        waits: whether staff have still to judge it.
    """

    id: UUID
    name: str
    shows: str
    how: str
    given_at: datetime
    tag: str
    colour: str
    reason: str
    judged_by: str
    pages: int
    has_file: bool
    is_picture: bool
    waits: bool


class EventLine(msgspec.Struct, frozen=True):
    """Something that happened."""

    at: datetime
    what: str
    who: str
    words: str


class Question(msgspec.Struct, frozen=True):
    """A fact that an officer has to find out."""

    fact: str
    words: str
    said: str


class ApplicationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows of an application but the person.

    Attributes:
        mine: whether the reader looks after it.
        held: who does, if anybody.
        is_review: whether it is looked at again after a refusal.
    """

    row: Application
    title: str
    mine: bool
    held: HeldBy | None
    is_review: bool
    facts: Sequence[FactLine]
    wanted: Sequence[str]
    documents: Sequence[tuple[str, str]]
    questions: Sequence[Question]
    trace: Sequence[TraceLine]
    evidence: Sequence[EvidenceLine]
    events: Sequence[EventLine]


async def application_page(
    session: AsyncSession, vault: Vault, row: Application, *, actor: Actor, now: datetime
) -> ApplicationPage:
    """Gather what an officer decides on."""
    book = await rulebooks.in_force(session)
    found = await deciding.outlook(session, vault, row, on=london_date(now))
    personal = await person_keys.for_reading(session, vault, row.account_id)
    events = await records.events_of(session, row.id)
    documents = documents_wanted(found.firm, found.said)
    return ApplicationPage(
        row=row,
        title=book.schemes[row.scheme].title,
        mine=claims.is_held_by(row, actor, now),
        held=claims.held_now(row, now),
        is_review=row.state is ApplicationState.REVIEW_ASKED,
        facts=_facts(book, found),
        wanted=tuple(dict.fromkeys(_document(each.kind, each.proof) for each in documents)),
        documents=tuple((each.code, _document(each.kind, each.proof)) for each in documents),
        questions=tuple(
            _question(book, found, each)
            for each in facts_wanted(found.firm)
            if each in book.fed and book.fed[each].type is bool
        ),
        trace=tuple(_step(each) for each in found.firm.trace),
        evidence=tuple(
            _evidence(each) for each in await evidence_records.of_application(session, vault, row)
        ),
        events=tuple(
            EventLine(
                each.at,
                _EVENT_WORDS[Happened(each.what)],
                each.by_label,
                records.words_of(personal, each),
            )
            for each in events
        ),
    )


def _facts(book: RuleBook, found: Outlook) -> Sequence[FactLine]:
    proved, stated = found.proved, found.stated
    lines = []
    if stated.birth_date is not UNSET:
        known = proved.birth_date is not UNSET
        lines.append(FactLine(_("Date of birth"), day(stated.birth_date), known))
    if stated.district is not UNSET:
        known, code = proved.district is not UNSET, stated.district
        name = DISTRICTS[code].name if code in DISTRICTS else _("Outside Kent and Medway")
        lines.append(FactLine(_("District of the main home"), name, known))
    firm = {} if proved.fed is UNSET else proved.fed
    for name, value in ({} if stated.fed is UNSET else stated.fed).items():
        lines.append(FactLine(_capital(book.fed[name].words), _value(value), name in firm))
    return tuple(lines)


def _value(value: Fed) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return money(value)


def _question(book: RuleBook, found: Outlook, fact: str) -> Question:
    fed = {} if found.stated.fed is UNSET else found.stated.fed
    return Question(fact, _capital(book.fed[fact].words), _value(fed[fact]) if fact in fed else "")


def _step(step: Step) -> TraceLine:
    tag, colour = TRUTH_WORDS[step.outcome]
    return TraceLine(tag, colour, step.why, step.law)


def _document(kind: str, proof: Proof) -> str:
    name = KINDS[kind].name
    return f"{name} ({PROOF_WORDS[proof]})" if len(KINDS[kind].proves) > 1 else name


def _evidence(piece: Piece) -> EvidenceLine:
    row, file = piece.row, piece.file
    tag, colour = OUTCOME_WORDS[row.outcome]
    return EvidenceLine(
        id=row.id,
        name=KINDS[piece.said.kind].name,
        shows=PROOF_WORDS[piece.said.proof],
        how=HOW_WORDS[row.how],
        given_at=row.given_at,
        tag=tag,
        colour=colour,
        reason=piece.reason,
        judged_by=row.judged_by_label or "",
        pages=file.pages if file else 0,
        has_file=file is not None,
        is_picture=file is not None and file.media.value.startswith("image/"),
        waits=row.outcome is EvidenceOutcome.WAITING and not looking_up.is_being_asked(row),
    )


def held_in_words(held: HeldBy) -> str:
    """Who looks after it, and until when."""
    return _("%(who)s looks after this until %(moment)s") % {
        "who": held.who,
        "moment": moment(held.until),
    }


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
