"""The rows of evidence given with applications, and of the files sent: made, found, opened."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from entitlements.application_models import WAITING, Application
from entitlements.cleaning.media import Clean, Media
from entitlements.errors import NoSuchEvidence
from entitlements.evidence_models import (
    ApplicationEvidence,
    EvidenceFile,
    EvidenceHow,
    EvidenceOutcome,
    ReferenceQuestion,
)
from entitlements.wanted import Said
from identity import audit, person_keys
from identity.actors import Actor
from identity.db import new_id
from identity.personal import PersonVault, Vault
from identity.rekeying import PersonalTable

PERSONAL: Final = (
    PersonalTable(EvidenceFile, "account_id"),
    PersonalTable(ApplicationEvidence, "account_id"),
    PersonalTable(ReferenceQuestion, "account_id"),
)
"""Tables whose sealed columns belong to one person."""
_FILE: Final = EvidenceFile.__tablename__
_TABLE: Final = ApplicationEvidence.__tablename__


class Piece(msgspec.Struct, frozen=True):
    """A piece of evidence as a page shows it.

    Attributes:
        row: as it is stored.
        said: what it is given as.
        reason: why it was refused; empty otherwise.
        file: what was sent; None of what was not sent, or is deleted.
    """

    row: ApplicationEvidence
    said: Said
    reason: str
    file: EvidenceFile | None


class Shown(msgspec.Struct, frozen=True):
    """A file, opened."""

    media: Media
    content: bytes


async def of_application(
    session: AsyncSession, vault: Vault, application: Application
) -> Sequence[Piece]:
    """Everything given with an application, in order of time."""
    personal = await person_keys.for_reading(session, vault, application.account_id)
    query = (
        select(ApplicationEvidence, EvidenceFile)
        .outerjoin(EvidenceFile, EvidenceFile.id == ApplicationEvidence.file_id)
        .where(ApplicationEvidence.application_id == application.id)
        .order_by(ApplicationEvidence.given_at, ApplicationEvidence.id)
    )
    return tuple(_piece(personal, row, file) for row, file in await session.execute(query))


async def open_file(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    evidence_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> Shown:
    """A file that was sent with an application. Whoever opens it is recorded.

    Raises:
        NoSuchEvidence: it was not sent with this application, or is deleted.
        SealBroken: it was changed.
    """
    row = await one(session, application, evidence_id)
    file = await session.scalar(
        select(EvidenceFile)
        .where(EvidenceFile.id == row.file_id)
        .options(undefer(EvidenceFile.content))
        .execution_options(populate_existing=True)
    )
    if file is None:
        raise NoSuchEvidence("The file is deleted.")
    personal = await person_keys.for_reading(session, vault, application.account_id)
    content = personal.open_bytes(_FILE, "content", file.id, file.content)
    note_in_trail(session, "evidence-opened", application, row, actor=actor, now=now)
    return Shown(file.media, content)


async def let_go_of_decided(session: AsyncSession, *, keep: timedelta, now: datetime) -> int:
    """Set an end to files that nobody will look at any more; how many that were.

    Those are the files of applications that were all decided or withdrawn.
    """
    waits = (
        select(ApplicationEvidence.id)
        .join(Application, Application.id == ApplicationEvidence.application_id)
        .where(
            ApplicationEvidence.file_id == EvidenceFile.id,
            ApplicationEvidence.outcome == EvidenceOutcome.WAITING,
            Application.state.in_(WAITING),
        )
    )
    letting = (
        update(EvidenceFile)
        .where(EvidenceFile.kept_until.is_(None), ~waits.exists())
        .values(kept_until=now + keep)
        .returning(EvidenceFile.id)
    )
    done = await session.execute(letting, execution_options={"synchronize_session": False})
    return len(done.all())


def new_evidence(
    personal: PersonVault, application: Application, how: EvidenceHow, said: Said, *, now: datetime
) -> ApplicationEvidence:
    """A row to be added by the caller."""
    row_id, as_json = new_id(), msgspec.json.encode(said).decode()
    return ApplicationEvidence(
        id=row_id,
        application_id=application.id,
        account_id=application.account_id,
        how=how,
        given_at=now,
        sealed_said=personal.seal(_TABLE, "sealed_said", row_id, as_json),
    )


async def keep_file(
    session: AsyncSession,
    personal: PersonVault,
    account_id: UUID,
    clean: Clean,
    *,
    actor: Actor,
    now: datetime,
) -> EvidenceFile:
    """The row of a file: the one there is, or a new one."""
    digest = sha256(clean.content).hexdigest()
    for file in await session.scalars(
        select(EvidenceFile).where(EvidenceFile.account_id == account_id)
    ):
        if personal.open(_FILE, "sealed_digest", file.id, file.sealed_digest) == digest:
            return file
    row_id = new_id()
    file = EvidenceFile(
        id=row_id,
        account_id=account_id,
        media=clean.media,
        size=len(clean.content),
        pages=clean.pages,
        sent_at=now,
        sent_by_kind=actor.kind,
        sent_by_id=actor.id,
        sealed_digest=personal.seal(_FILE, "sealed_digest", row_id, digest),
        content=personal.seal_bytes(_FILE, "content", row_id, clean.content),
    )
    session.add(file)
    await session.flush()
    return file


def said_in(personal: PersonVault, row: ApplicationEvidence) -> Said:
    """What a piece of evidence is given as."""
    as_json = personal.open(_TABLE, "sealed_said", row.id, row.sealed_said)
    return msgspec.json.decode(as_json, type=Said)


def seal_reason(personal: PersonVault, row: ApplicationEvidence, reason: str) -> None:
    """Keep why it is refused."""
    row.sealed_reason = personal.seal(_TABLE, "sealed_reason", row.id, reason)


async def one(
    session: AsyncSession, application: Application, evidence_id: UUID
) -> ApplicationEvidence:
    """A piece of evidence of an application.

    Raises:
        NoSuchEvidence: it was not given with this application.
    """
    row = await session.get(ApplicationEvidence, evidence_id)
    if row is None or row.application_id != application.id:
        raise NoSuchEvidence("There is no such evidence with this application.")
    return row


def note_in_trail(
    session: AsyncSession,
    action: str,
    application: Application,
    row: ApplicationEvidence,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Say in the trail what was done with it.

    The kind is left out: a benefit or disability letter is itself personal.
    """
    subject = audit.subject_of("account", application.account_id)
    detail = {"application": application.reference, "evidence": str(row.id)}
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)


def _piece(personal: PersonVault, row: ApplicationEvidence, file: EvidenceFile | None) -> Piece:
    sealed = row.sealed_reason
    reason = "" if sealed is None else personal.open(_TABLE, "sealed_reason", row.id, sealed)
    return Piece(row, said_in(personal, row), reason, file)


async def keep_again(session: AsyncSession, application: Application) -> None:
    """Files of an application that is looked at again are kept until that is done."""
    sent = select(ApplicationEvidence.file_id).where(
        ApplicationEvidence.application_id == application.id
    )
    keeping = update(EvidenceFile).where(EvidenceFile.id.in_(sent)).values(kept_until=None)
    await session.execute(keeping, execution_options={"synchronize_session": False})
