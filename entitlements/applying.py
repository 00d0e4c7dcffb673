"""A resident applies: started, answered a question at a time, sent, withdrawn.

Whatever the rule settles is decided the moment it is sent. The rest waits: for evidence, or for an
officer, who ends it by `conclusions`.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements import assessing, conclusions, feeds, gathering, grants, questions, rulebooks
from entitlements.application_models import OPEN, Application, ApplicationState, Happened
from entitlements.application_records import Answers
from entitlements.decision import Eligible, NotEligible
from entitlements.errors import ApplicationClosed, UnknownFact, UnknownScheme
from entitlements.facts import Fed, ResidentFacts
from entitlements.gathering import Stated
from entitlements.grant_states import GIVEN, GrantState
from entitlements.questions import Question, Sent, Wanted
from entitlements.schemes.engine import Decide, terms_of
from entitlements.schemes.rule import Given, Scheme
from entitlements.schemes.rulebook import RuleBook
from identity import person_keys
from identity.actors import Actor
from identity.personal import PersonVault, Vault
from readers.contract.windows import london_date


class NotOpen(StrEnum):
    """Why somebody cannot apply for a scheme now."""

    HELD = "held"
    SUSPENDED = "suspended"
    ELSEWHERE = "elsewhere"
    DIED = "died"


class Sitting(msgspec.Struct, frozen=True):
    """An application as whoever works on it sees it.

    Attributes:
        row: the application.
        scheme: what it is for.
        answers: so far.
        asks: the next question; None when everything that may be asked was.
        sent: where it would go if it were sent now.
        facts: what is known, proved or stated.
        seen: a digest of what a check page shows: sent back with it, it tells that nothing changed.
        asked: every question that was answered, as it was asked.
    """

    row: Application
    scheme: Scheme
    answers: Answers
    asks: Question | None
    sent: Sent
    facts: ResidentFacts
    seen: str
    asked: tuple[Question, ...]


class Changed(msgspec.Struct, frozen=True):
    """What was sent is not what is known now: it has to be looked at again."""

    sitting: Sitting


async def why_not_open(
    session: AsyncSession, vault: Vault, account_id: UUID, scheme: str, *, on: date
) -> NotOpen | None:
    """Why a resident cannot apply for a scheme now; None when they can.

    Raises:
        NoSuchAccount: no account with that id.
        UnknownScheme: there is no such scheme.
    """
    book = await rulebooks.in_force(session)
    if _scheme(book, scheme).given is Given.ELSEWHERE:
        return NotOpen.ELSEWHERE
    gathered = await gathering.gather(session, vault, account_id)
    if gathered.facts.deceased is True:
        return NotOpen.DIED
    held = (await grants.open_by_scheme(session, account_id)).get(scheme)
    if held is None or held.state not in GIVEN or held.valid_until < on:
        return None
    return NotOpen.HELD if grants.is_held(held) else NotOpen.SUSPENDED


async def start(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    scheme: str,
    *,
    actor: Actor,
    now: datetime,
) -> Application | NotOpen:
    """Begin an application; the one that is open already is gone on with.

    Raises:
        NoSuchAccount: no account with that id.
        UnknownScheme: there is no such scheme.
    """
    await grants.lock_holder(session, account_id)
    found = await records.open_for(session, account_id, scheme)
    if found is not None:
        return found
    closed = await why_not_open(session, vault, account_id, scheme, on=london_date(now))
    if closed is not None:
        return closed
    personal = await person_keys.for_writing(session, vault, account_id)
    row = records.new_application(personal, account_id, scheme, now=now)
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:  # one of the same reference: as good as never
        return await start(session, vault, account_id, scheme, actor=actor, now=now)
    records.note(session, personal, row, Happened.STARTED, actor=actor, now=now)
    await session.flush()
    return row


async def sitting(
    session: AsyncSession, vault: Vault, account_id: UUID, reference: str, *, on: date
) -> Sitting:
    """An application as it is now, for a page.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
        UnknownScheme: its scheme is no longer in the rules.
    """
    row = await records.own(session, account_id, reference)
    personal = await person_keys.for_reading(session, vault, account_id)
    return await _sitting(session, vault, personal, row, on)


async def title_of(session: AsyncSession, scheme: str) -> str:
    """What a scheme is called; one that is no longer in the rules, by its id."""
    known = (await rulebooks.in_force(session)).schemes.get(scheme)
    return known.title if known else scheme


async def save(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    reference: str,
    fact: str,
    value: Fed | None,
    *,
    actor: Actor,
    now: datetime,
) -> Application:
    """Keep one answer. It is no fact before the application is sent.

    Args:
        session: the transaction.
        vault: seals it.
        account_id: whose application it is.
        reference: of the application.
        fact: what was asked.
        value: what was answered; None where the resident does not know.
        actor: who answers.
        now: when.

    Raises:
        ApplicationClosed: it was sent, decided or withdrawn.
        NoSuchApplication: there is none of theirs by that reference.
        UnknownFact: nobody is asked that, or it cannot be that.
    """
    row = await _started(session, account_id, reference)
    book = await rulebooks.in_force(session)
    if not questions.can_be_asked(book, fact):
        raise UnknownFact(f"No resident is asked for '{fact}'.")
    if value is not None and type(value) is not book.fed[fact].type:
        raise UnknownFact(f"'{fact}' cannot be '{value}'.")
    personal = await person_keys.for_writing(session, vault, account_id)
    answers = records.answers_of(personal, row)
    if fact not in answers or answers[fact] != value:
        records.set_answers(personal, row, {**answers, fact: value}, now=now)
        records.note(session, personal, row, Happened.ANSWERED, actor=actor, now=now)
        await session.flush()
    return row


async def submit(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    reference: str,
    *,
    seen: str | None = None,
    actor: Actor,
    now: datetime,
) -> Application | Changed:
    """Send an application. What was sent before stays sent: sending twice is sending once.

    Args:
        session: the transaction.
        vault: opens and seals.
        account_id: whose application it is.
        reference: of the application.
        seen: the digest of what was looked at before sending; None where nobody looked.
        actor: who sends it.
        now: when.

    Returns:
        The application, decided or waiting; or what changed since it was looked at.

    Raises:
        ApplicationClosed: it was withdrawn.
        NoSuchApplication: there is none of theirs by that reference.
    """
    await grants.lock_holder(session, account_id)
    row = await records.own(session, account_id, reference, lock=True)
    if row.state is not ApplicationState.STARTED:
        if row.state is ApplicationState.WITHDRAWN:
            raise ApplicationClosed(f"Application {row.reference} was withdrawn.")
        return row
    personal = await person_keys.for_writing(session, vault, account_id)
    now_is = await _sitting(session, vault, personal, row, london_date(now))
    if now_is.asks is not None or (seen is not None and seen != now_is.seen):
        return Changed(now_is)
    book = await rulebooks.in_force(session)
    await _record_answers(session, vault, book, now_is, actor=actor, now=now)
    await _send(session, vault, book, personal, row, actor=actor, now=now)
    await assessing.assess(session, vault, account_id, actor=actor, now=now)
    return row


async def withdraw(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    reference: str,
    *,
    actor: Actor,
    now: datetime,
) -> Application:
    """Take an application back. What was answered and sent stays known; nothing comes of it.

    Raises:
        ApplicationClosed: it is decided or withdrawn already.
        NoSuchApplication: there is none of theirs by that reference.
    """
    await grants.lock_holder(session, account_id)
    row = await records.own(session, account_id, reference, lock=True)
    if row.state not in OPEN:
        raise ApplicationClosed(f"Application {row.reference} is {row.state} already.")
    await conclusions.withdraw(session, vault, row, actor=actor, now=now)
    return row


async def _send(
    session: AsyncSession,
    vault: Vault,
    book: RuleBook,
    personal: PersonVault,
    row: Application,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    on = london_date(now)
    await rulebooks.keep(session, book, now=now)
    known = await gathering.gather_stated(session, vault, row.account_id)
    sent = questions.route(_decide(book, row.scheme), known.proved.facts, known.stated, on)
    row.submitted_at, row.book = now, book.digest
    row.state = (
        ApplicationState.EVIDENCE_WANTED
        if sent.wanted is Wanted.EVIDENCE
        else ApplicationState.SUBMITTED
    )
    records.note(session, personal, row, Happened.SUBMITTED, actor=actor, now=now)
    match sent.decision:
        case Eligible() as decision:
            await conclusions.grant(session, vault, row, decision, actor=actor, now=now)
        case NotEligible() as decision:
            told = conclusions.told_of(decision)
            await conclusions.refuse(session, vault, row, told, actor=actor, now=now)
        case _:
            await _wait(session, book, row, known, on, actor=actor, now=now)
            if sent.wanted is Wanted.EVIDENCE:
                records.note(session, personal, row, Happened.EVIDENCE_WANTED, actor=actor, now=now)
    await session.flush()


async def _wait(
    session: AsyncSession,
    book: RuleBook,
    row: Application,
    known: Stated,
    on: date,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Note as applied for what waits for its decision."""
    held = (await grants.open_by_scheme(session, row.account_id)).get(row.scheme)
    if held is None:
        terms = terms_of(book.schemes[row.scheme], known.stated, on)
        state = GrantState.APPLIED
        begun = grants.begin(session, row.account_id, terms, state, actor=actor, now=now)
        held = await begun
    elif held.state is not GrantState.APPLIED:
        await grants.move(session, held, GrantState.APPLIED, actor=actor, now=now)
    row.grant_id = held.id


async def _record_answers(
    session: AsyncSession,
    vault: Vault,
    book: RuleBook,
    sent: Sitting,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """What was answered becomes known: as the resident's own word, never as evidence."""
    for fact, value in sent.answers.items():
        if value is not None and questions.can_be_asked(book, fact):
            await feeds.tell(
                session,
                vault,
                sent.row.account_id,
                fact,
                value=value,
                actor=actor,
                now=now,
                basis=feeds.Basis(questions.standing_of(book, fact)),
            )


async def _started(session: AsyncSession, account_id: UUID, reference: str) -> Application:
    row = await records.own(session, account_id, reference, lock=True)
    if row.state is not ApplicationState.STARTED:
        raise ApplicationClosed(f"Application {row.reference} is {row.state} already.")
    return row


async def _sitting(
    session: AsyncSession, vault: Vault, personal: PersonVault, row: Application, on: date
) -> Sitting:
    book = await rulebooks.in_force(session)
    scheme, decide = _scheme(book, row.scheme), _decide(book, row.scheme)
    known = await gathering.gather_stated(session, vault, row.account_id)
    stated, answers = known.stated, records.answers_of(personal, row)
    facts = questions.with_answers(stated, answers)
    proved = questions.with_answers(known.proved.facts, questions.worth_enough(book, answers))
    asked: Sequence[Question] = [
        questions.question_of(book, fact) for fact in answers if questions.can_be_asked(book, fact)
    ]
    return Sitting(
        row=row,
        scheme=scheme,
        answers=answers,
        asks=questions.next_question(book, decide, stated, answers, on),
        sent=questions.route(decide, proved, facts, on),
        facts=facts,
        seen=_digest(facts, answers),
        asked=tuple(asked),
    )


def _digest(facts: ResidentFacts, answers: Answers) -> str:
    text = msgspec.json.encode([facts, answers], order="deterministic")
    return hashlib.sha256(text).hexdigest()[:32]


def _scheme(book: RuleBook, scheme: str) -> Scheme:
    if scheme not in book.schemes:
        raise UnknownScheme(f"There is no scheme '{scheme}'.")
    return book.schemes[scheme]


def _decide(book: RuleBook, scheme: str) -> Decide:
    _scheme(book, scheme)
    return rulebooks.deciders(book)[scheme]
