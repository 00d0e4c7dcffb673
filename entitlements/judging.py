"""Evidence is accepted or refused. What is accepted serves every scheme from then on."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements import evidence_records
from entitlements.application_models import Application, Happened
from entitlements.errors import EvidenceJudged
from entitlements.evidence_models import (
    ApplicationEvidence,
    EvidenceFile,
    EvidenceHow,
    EvidenceOutcome,
)
from entitlements.grants import lock_holder
from entitlements.wanted import Said
from identity import accounts, four_eyes, notices, person_keys
from identity.actors import Actor, ActorKind
from identity.evidence import DocumentShown, Examination
from identity.models import Account, AccountState
from identity.personal import Vault


async def accept(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    evidence_id: UUID,
    shown: DocumentShown,
    *,
    keep: timedelta,
    actor: Actor,
    now: datetime,
) -> None:
    """Accept a file that was sent as what it was sent as. From now on it serves every scheme.

    A copy says nothing of whether its original is genuine: it adds nothing to how sure we are of
    who somebody is.

    Args:
        session: the transaction.
        vault: opens and seals.
        application: that it was sent with.
        evidence_id: which.
        shown: the dates on it; its kind is the one it was sent as.
        keep: how long the file is still kept.
        actor: who accepts it.
        now: when.

    Raises:
        EvidenceJudged: it was accepted or refused before.
        InvalidDetails: faults by part: `kind`, `dated_on`, `expires_on`.
        NoSuchEvidence: it was not sent with this application.
    """
    row = await _to_judge(session, application, evidence_id, actor)
    personal = await person_keys.for_writing(session, vault, application.account_id)
    said = evidence_records.said_in(personal, row)
    copy = msgspec.structs.replace(
        shown, kind=said.kind, examined=Examination.COPY_SEEN.value, photo_matched=False
    )
    account_id = application.account_id
    await accounts.sight_document(
        session, vault, account_id, copy, said.proof, actor=actor, now=now
    )
    _judge(row, EvidenceOutcome.ACCEPTED, actor=actor, now=now)
    await _let_go(session, row, now + keep)
    evidence_records.note_in_trail(
        session, "evidence-accepted", application, row, actor=actor, now=now
    )
    await session.flush()


async def refuse(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    evidence_id: UUID,
    reason: str,
    *,
    keep: timedelta,
    actor: Actor,
    now: datetime,
) -> None:
    """Refuse a file that was sent, with a reason its sender reads on the page of their request.

    Raises:
        EvidenceJudged: it was accepted or refused before.
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        NoSuchEvidence: it was not sent with this application.
    """
    why = four_eyes.checked_reason(reason)
    row = await _to_judge(session, application, evidence_id, actor)
    personal = await person_keys.for_writing(session, vault, application.account_id)
    evidence_records.seal_reason(personal, row, why)
    _judge(row, EvidenceOutcome.REFUSED, actor=actor, now=now)
    await _let_go(session, row, now + keep)
    evidence_records.note_in_trail(
        session, "evidence-refused", application, row, actor=actor, now=now
    )
    await session.flush()
    await _tell_refused(session, vault, application, now=now)


async def note_sighted(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    shown: DocumentShown,
    said: Said,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """A member of staff has the document before them: it is recorded, and accepted with that.

    Raises:
        InvalidDetails: faults by part: `kind`, `dated_on`, `expires_on`.
    """
    account_id = application.account_id
    await accounts.sight_document(
        session, vault, account_id, shown, said.proof, actor=actor, now=now
    )
    personal = await person_keys.for_writing(session, vault, account_id)
    row = evidence_records.new_evidence(personal, application, EvidenceHow.SIGHTED, said, now=now)
    _judge(row, EvidenceOutcome.ACCEPTED, actor=actor, now=now)
    session.add(row)
    note = records.note
    note(session, personal, application, Happened.EVIDENCE_GIVEN, actor=actor, now=now)
    await session.flush()


async def _tell_refused(
    session: AsyncSession, vault: Vault, application: Application, *, now: datetime
) -> None:
    account = await session.get_one(Account, application.account_id)
    if account.state is not AccountState.ACTIVE:
        return  # nothing is sent to the dead
    text = _REFUSED.format(reference=application.reference)
    await notices.tell(session, vault, account, "evidence-refused", text, now=now)


_REFUSED: Final = (
    "We could not accept something that you gave us with your application {reference}.\n\n"
    "Sign in to your Kent Card account and choose “Your requests” to read why, and what you can "
    "give us instead."
)
"""What it was and why stand on the page alone: a message goes where anybody may read it."""


def _judge(
    row: ApplicationEvidence, outcome: EvidenceOutcome, *, actor: Actor, now: datetime
) -> None:
    row.outcome, row.judged_at = outcome, now
    row.judged_by_id, row.judged_by_label = actor.id, actor.label


async def _to_judge(
    session: AsyncSession, application: Application, evidence_id: UUID, actor: Actor
) -> ApplicationEvidence:
    """The evidence, after whoever judges the same has finished."""
    await lock_holder(session, application.account_id)
    row = await evidence_records.one(session, application, evidence_id)
    await session.refresh(row)
    if row.outcome is not EvidenceOutcome.WAITING:
        raise EvidenceJudged("Somebody has accepted or refused this already.")
    if row.how is EvidenceHow.REFERENCE and actor.kind is not ActorKind.SYSTEM:
        raise EvidenceJudged("A register is being asked about this. Its answer decides.")
    return row


async def _let_go(session: AsyncSession, row: ApplicationEvidence, until: datetime) -> None:
    file = await session.get(EvidenceFile, row.file_id) if row.file_id else None
    if file is not None:
        file.kept_until = until
