"""Files are given with an application, each once, and none as proof of what it cannot prove."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements import evidence_records
from entitlements.application_models import WAITING, Application, ApplicationState, Happened
from entitlements.cleaning.media import Clean
from entitlements.evidence_models import (
    ApplicationEvidence,
    EvidenceFile,
    EvidenceHow,
    EvidenceOutcome,
)
from entitlements.evidence_records import said_in
from entitlements.grants import lock_holder
from entitlements.wanted import Said
from identity import accounts, person_keys
from identity.actors import Actor
from identity.evidence import SHOWS_BOTH, SeenDocument, shows_both
from identity.personal import PersonVault, Vault

MOST_FILES: Final = 20
"""Of one person that wait to be looked at."""


class NotGiven(StrEnum):
    """Why evidence cannot be given with an application now."""

    DECIDED = "decided"
    SENT_BEFORE = "sent-before"
    SHOWS_BOTH = "shows-both"
    TOO_MANY = "too-many"


async def send_file(
    session: AsyncSession,
    vault: Vault,
    application: Application,
    clean: Clean,
    said: Said,
    *,
    actor: Actor,
    now: datetime,
) -> ApplicationEvidence | NotGiven:
    """Give a file with an application. The same file is kept once, whatever it is sent with."""
    account_id = application.account_id
    await lock_holder(session, account_id)
    await session.refresh(application)
    if application.state not in WAITING:
        return NotGiven.DECIDED
    if await _waiting_files(session, account_id) >= MOST_FILES:
        return NotGiven.TOO_MANY
    personal = await person_keys.for_writing(session, vault, account_id)
    keeping = evidence_records.keep_file(session, personal, account_id, clean, actor=actor, now=now)
    file = await keeping
    if why := await _why_not(session, vault, personal, application, file, said):
        return why
    row = evidence_records.new_evidence(personal, application, EvidenceHow.UPLOADED, said, now=now)
    row.file_id, file.kept_until = file.id, None
    session.add(row)
    if application.state is ApplicationState.EVIDENCE_WANTED:
        application.state = ApplicationState.SUBMITTED
    note = records.note
    note(session, personal, application, Happened.EVIDENCE_GIVEN, actor=actor, now=now)
    await session.flush()
    return row


async def _why_not(
    session: AsyncSession,
    vault: Vault,
    personal: PersonVault,
    application: Application,
    file: EvidenceFile,
    said: Said,
) -> NotGiven | None:
    """One file, and one kind of document, proves who somebody is or where they live: not both."""
    own = ApplicationEvidence.account_id == application.account_id
    rows = (await session.scalars(select(ApplicationEvidence).where(own))).all()
    of_file = [row for row in rows if row.file_id == file.id]
    if any(row.application_id == application.id for row in of_file):
        return NotGiven.SENT_BEFORE
    same = [SeenDocument(said.kind, said_in(personal, row).proof, None, None) for row in of_file]
    waiting = [said_in(personal, row) for row in rows if row.outcome is EvidenceOutcome.WAITING]
    seen = await accounts.documents(session, vault, application.account_id)
    given = [SeenDocument(each.kind, each.proof, None, None) for each in waiting]
    shown = SeenDocument(said.kind, said.proof, None, None)
    return NotGiven.SHOWS_BOTH if shows_both(shown, (*seen, *given, *same)) else None


async def _waiting_files(session: AsyncSession, account_id: UUID) -> int:
    query = select(func.count(EvidenceFile.id)).where(
        EvidenceFile.account_id == account_id, EvidenceFile.kept_until.is_(None)
    )
    return await session.scalar(query) or 0


WORDS: Final[Mapping[NotGiven, str]] = {
    NotGiven.DECIDED: "This application is decided, so nothing can be added to it",
    NotGiven.SENT_BEFORE: "You have sent this file already. Select another one",
    NotGiven.SHOWS_BOTH: f"{SHOWS_BOTH}. Select another document",
    NotGiven.TOO_MANY: f"You have sent {MOST_FILES} files that we have not looked at yet. Wait "
    "until we have",
}
"""What whoever sends it reads."""
