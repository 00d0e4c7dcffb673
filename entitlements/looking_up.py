"""Evidence by reference: a resident gives a number, a register is asked, the rule goes on from it.

A question is claimed in one transaction, asked in none, and its answer written down in another. A
worker that dies in between only asks again. What is no clear yes leaves the application as it was:
it goes on by a file or at a desk.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements import deciding, evidence_records, judging
from entitlements.application_models import WAITING, Application, Happened
from entitlements.evidence_models import (
    ApplicationEvidence,
    EvidenceHow,
    EvidenceOutcome,
    ReferenceQuestion,
)
from entitlements.grants import lock_holder
from entitlements.references import Answer, Found, NotFound, NotNow, Registers, Subject
from entitlements.wanted import Said
from identity import person_keys, sealed
from identity.actors import Actor, ActorKind
from identity.db import new_id
from identity.errors import InvalidDetails, PersonErased, SealBroken
from identity.evidence import DocumentShown, Proof, sole_proof
from identity.models import Account, AccountState, Address
from identity.personal import PersonVault, Vault

MOST_A_DAY: Final = 5
"""Of one person, so that nobody tries numbers out."""
WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 240, 720))
"""After each try without an answer. After the last, the question is given up."""
REGISTER: Final = Actor(ActorKind.SYSTEM, "register", "A register we asked")
"""Which one it was is personal: it is said with the application, sealed."""
_BATCH: Final = 20
_TABLE: Final = ReferenceQuestion.__tablename__
_LOG: Final = structlog.get_logger(__name__)

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class NotAsked(StrEnum):
    """Why a register is not asked now."""

    DECIDED = "decided"
    ASKED_ALREADY = "asked-already"
    TOO_OFTEN = "too-often"


class Turn(msgspec.Struct, frozen=True):
    """How a turn went: questions answered, put off, and given up."""

    answered: int
    put_off: int
    given_up: int


class _Question(msgspec.Struct, frozen=True):
    """A question that was claimed. `tries` counts this one."""

    id: UUID
    account_id: UUID
    register: str
    reference: str
    subject: Subject
    tries: int


async def give(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    kind: str,
    reference: str,
    *,
    actor: Actor,
    now: datetime,
) -> ApplicationEvidence | NotAsked:
    """Keep the number a resident gave and agreed to have asked about; a worker asks.

    Args:
        session: the transaction.
        vault: seals it.
        application: that it is given with.
        kind: of evidence; a register for it is configured.
        reference: of `references.read_reference`.
        actor: who gives it.
        now: when.
    """
    account_id = application.account_id
    await lock_holder(session, account_id)
    await session.refresh(application)
    if application.state not in WAITING:
        return NotAsked.DECIDED
    if why := await _why_not(session, account_id, kind, now):
        return why
    personal = await person_keys.for_writing(session, vault, account_id)
    said = Said(kind, sole_proof(kind) or Proof.BENEFIT)
    row = evidence_records.new_evidence(personal, application, EvidenceHow.REFERENCE, said, now=now)
    session.add(row)
    await session.flush()
    session.add(_new_question(personal, row, kind, reference, now=now))
    note, given = records.note, Happened.EVIDENCE_GIVEN
    note(session, personal, application, given, actor=actor, now=now, words=_AGREED)
    await session.flush()
    return row


async def ask_due(
    transaction: Transaction, vault: Vault, registers: Registers, *, now: datetime
) -> Turn:
    """Ask what is due, at most `_BATCH` questions.

    Args:
        transaction: opens a session in a transaction of its own.
        vault: opens the numbers, and seals what is found.
        registers: those that may be asked.
        now: when.
    """
    async with transaction() as session:
        claimed = await _claimed(session, vault, now=now)
    answers = await asyncio.gather(*(_answer(registers, each, now) for each in claimed))
    answered = put_off = given_up = 0
    for question, answer in zip(claimed, answers, strict=True):
        known = question.register in registers
        if isinstance(answer, NotNow) and known and question.tries <= len(WAITS):
            put_off += 1
            continue
        name = registers[question.register].name if known else ""
        try:
            async with transaction() as session:
                await _write_down(session, vault, question, name, answer, now=now)
        except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
            _LOG.exception("answer of a register not kept", question=str(question.id))
            put_off += 1
            continue
        given_up += isinstance(answer, NotNow)
        answered += not isinstance(answer, NotNow)
    return Turn(answered, put_off, given_up)


async def _answer(registers: Registers, question: _Question, now: datetime) -> Answer:
    register = registers.get(question.register)
    if register is None:
        return NotNow("no-such-register")
    return await register.look_up(question.reference, question.subject, now=now)


async def _why_not(
    session: AsyncSession, account_id: UUID, kind: str, now: datetime
) -> NotAsked | None:
    waiting = select(ReferenceQuestion.id).where(
        ReferenceQuestion.account_id == account_id, ReferenceQuestion.register == kind
    )
    if await session.scalar(waiting) is not None:
        return NotAsked.ASKED_ALREADY
    given = select(func.count(ApplicationEvidence.id)).where(
        ApplicationEvidence.account_id == account_id,
        ApplicationEvidence.how == EvidenceHow.REFERENCE,
        ApplicationEvidence.given_at > now - timedelta(days=1),
    )
    return NotAsked.TOO_OFTEN if (await session.scalar(given) or 0) >= MOST_A_DAY else None


def _new_question(
    personal: PersonVault, row: ApplicationEvidence, kind: str, reference: str, *, now: datetime
) -> ReferenceQuestion:
    row_id = new_id()
    return ReferenceQuestion(
        id=row_id,
        evidence_id=row.id,
        account_id=row.account_id,
        register=kind,
        sealed_reference=personal.seal(_TABLE, "sealed_reference", row_id, reference),
        asked_at=now,
        due_at=now,
    )


async def _claimed(session: AsyncSession, vault: Vault, *, now: datetime) -> Sequence[_Question]:
    """What is due, each put off until its next try. What is not wanted any more is dropped."""
    due = (
        select(ReferenceQuestion, ApplicationEvidence, Application, Account)
        .join(ApplicationEvidence, ApplicationEvidence.id == ReferenceQuestion.evidence_id)
        .join(Application, Application.id == ApplicationEvidence.application_id)
        .join(Account, Account.id == ReferenceQuestion.account_id)
        .where(ReferenceQuestion.due_at <= now)
        .order_by(ReferenceQuestion.due_at, ReferenceQuestion.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=ReferenceQuestion)
    )
    claimed = []
    for row, evidence, application, account in (await session.execute(due)).all():
        row.due_at = now + WAITS[min(row.tries, len(WAITS) - 1)]
        row.tries += 1
        if application.state not in WAITING or account.state is not AccountState.ACTIVE:
            await session.delete(row)
            continue
        try:
            claimed.append(await _opened(session, vault, row, account))
        except (SealBroken, PersonErased) as error:
            _LOG.error("question cannot be opened", question=str(row.id), fault=str(error))
            continue
        evidence_records.note_in_trail(
            session, "register-asked", application, evidence, actor=REGISTER, now=now
        )
    await session.flush()
    return claimed


async def _opened(
    session: AsyncSession, vault: Vault, row: ReferenceQuestion, account: Account
) -> _Question:
    personal = await person_keys.for_reading(session, vault, account.id)
    _, family_name = sealed.names_of(personal, account)
    if sole_proof(row.register) is Proof.ADDRESS:
        current = select(Address).where(
            Address.account_id == account.id, Address.valid_to.is_(None)
        )
        address = (await session.scalars(current)).one()
        subject = Subject(family_name, postcode=sealed.postcode_of(personal, address))
    else:
        subject = Subject(family_name, birth_date=sealed.birth_date_of(personal, account))
    reference = personal.open(_TABLE, "sealed_reference", row.id, row.sealed_reference)
    return _Question(row.id, account.id, row.register, reference, subject, row.tries)


async def _write_down(
    session: AsyncSession,
    vault: Vault,
    question: _Question,
    name: str,
    answer: Answer,
    *,
    now: datetime,
) -> None:
    """Keep the answer unless somebody else was first, or the application was closed meanwhile."""
    await lock_holder(session, question.account_id)
    row = await session.get(ReferenceQuestion, question.id, populate_existing=True)
    if row is None or row.tries != question.tries:
        return
    evidence = await session.get_one(ApplicationEvidence, row.evidence_id)
    application = await session.get_one(
        Application, evidence.application_id, with_for_update=True, populate_existing=True
    )
    account = await session.get_one(Account, question.account_id, populate_existing=True)
    await session.delete(row)
    await session.flush()
    if application.state not in WAITING or account.state is not AccountState.ACTIVE:
        return
    personal = await person_keys.for_writing(session, vault, question.account_id)
    if name:
        note, looked = records.note, Happened.LOOKED_UP
        note(session, personal, application, looked, actor=REGISTER, now=now, words=name)
    why = await _judged(session, vault, application, evidence.id, answer, now=now)
    if why:
        none = timedelta(0)
        await judging.refuse(
            session, vault, application, evidence.id, why, keep=none, actor=REGISTER, now=now
        )
    else:
        await deciding.conclude_by_rule(session, vault, application, actor=REGISTER, now=now)


async def _judged(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    evidence_id: UUID,
    answer: Answer,
    *,
    now: datetime,
) -> str:
    """Accept what was found by the same rules as a document; else why not."""
    match answer:
        case NotFound():
            return _NOT_FOUND
        case NotNow():
            return _NO_ANSWER
        case Found(dated=dated, until=until):
            shown = DocumentShown("", dated_on=dated or "", expires_on=until or "")
        case never:
            assert_never(never)
    none = timedelta(0)
    try:
        await judging.accept(
            session, vault, application, evidence_id, shown, keep=none, actor=REGISTER, now=now
        )
    except InvalidDetails as invalid:
        return f"{'. '.join(invalid.faults.values())}. {_INSTEAD}"
    return ""


def is_being_asked(row: ApplicationEvidence) -> bool:
    """Whether a register has still to answer."""
    return row.how is EvidenceHow.REFERENCE and row.outcome is EvidenceOutcome.WAITING


_AGREED: Final = "It was agreed that we ask the register by that number"
_INSTEAD: Final = (
    "Send a photo or PDF of the document instead, or show it at a Kent Gateway or library"
)
_NOT_FOUND: Final = f"The register did not find you by the number you gave. {_INSTEAD}"
_NO_ANSWER: Final = f"We could not get an answer from the register. {_INSTEAD}"

WORDS: Final = {
    NotAsked.DECIDED: "This application is decided, so nothing can be added to it",
    NotAsked.ASKED_ALREADY: "We are asking that register already. Wait until it has answered",
    NotAsked.TOO_OFTEN: f"You have given us {MOST_A_DAY} numbers today. Send a photo or PDF of the "
    "document instead",
}
"""What whoever gives it reads."""
