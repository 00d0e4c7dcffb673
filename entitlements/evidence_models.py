"""The tables of evidence that is given with an application, and of the files that were sent."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from entitlements.cleaning.media import Media
from identity.actors import ActorKind
from identity.db import Base, new_id


class EvidenceHow(StrEnum):
    """How a piece of evidence reached us."""

    UPLOADED = "uploaded"
    SIGHTED = "sighted"
    REFERENCE = "reference"


class EvidenceOutcome(StrEnum):
    """What an officer found."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class EvidenceFile(Base, kw_only=True):
    """A file that somebody sent, as it was made anew. It belongs to the person, to no scheme.

    Attributes:
        size: bytes of the file, before it was sealed.
        pages: of a PDF; 1 of a picture.
        sealed_digest: SHA-256 of the file in hexadecimal; the same file is not kept twice.
        content: the file, sealed with the person's own key alone, so that it never has to be sealed
            anew when another key is rotated. It is read where it is shown, and nowhere else.
        kept_until: it is deleted after that; none as long as it may still be looked at.
    """

    __tablename__ = "evidence_file"
    __table_args__ = (CheckConstraint("size > 0 AND pages > 0", name="holds_something"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    media: Mapped[Media]
    size: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int]
    sent_at: Mapped[datetime]
    sent_by_kind: Mapped[ActorKind]
    sent_by_id: Mapped[str] = mapped_column(String(64))
    sealed_digest: Mapped[bytes]
    content: Mapped[bytes] = mapped_column(deferred=True)
    kept_until: Mapped[datetime | None] = mapped_column(default=None, index=True)


class ApplicationEvidence(Base, kw_only=True):
    """A piece of evidence given with an application, and what was found.

    Attributes:
        file_id: of what was uploaded; none once the file is deleted, and of everything else.
        sealed_said: JSON of a `evidence.Said`: what the document is, and of what it is proof.
        judged_by_label: who found it, as a resident may be shown it.
        sealed_reason: why it was refused.
    """

    __tablename__ = "application_evidence"
    __table_args__ = (
        CheckConstraint("(outcome = 'waiting') = (judged_at IS NULL)", name="judged_at_some_time"),
        CheckConstraint(
            "(outcome = 'refused') = (sealed_reason IS NOT NULL)", name="refused_with_reason"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    application_id: Mapped[UUID] = mapped_column(ForeignKey("application.id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    how: Mapped[EvidenceHow]
    file_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("evidence_file.id", ondelete="SET NULL"), index=True, default=None
    )
    given_at: Mapped[datetime]
    sealed_said: Mapped[bytes]
    outcome: Mapped[EvidenceOutcome] = mapped_column(default=EvidenceOutcome.WAITING)
    judged_at: Mapped[datetime | None] = mapped_column(default=None)
    judged_by_id: Mapped[str | None] = mapped_column(String(64), default=None)
    judged_by_label: Mapped[str | None] = mapped_column(String(200), default=None)
    sealed_reason: Mapped[bytes | None] = mapped_column(default=None)


class EndNotice(Base, kw_only=True):
    """That a resident was told that something ends: once for each length of notice.

    Attributes:
        grant_id: what ends.
        days: how long before the end the notice was due.
    """

    __tablename__ = "end_notice"

    grant_id: Mapped[UUID] = mapped_column(ForeignKey("entitlement_grant.id"), primary_key=True)
    days: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    told_at: Mapped[datetime]


class ProofNotice(Base, kw_only=True):
    """That a resident was told that something they showed us is over: once for each length.

    Attributes:
        over_on: the first day on which it does not count any more.
        days: how long before that the notice was due.
    """

    __tablename__ = "proof_notice"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    over_on: Mapped[date] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(primary_key=True)
    told_at: Mapped[datetime]


class ReferenceQuestion(Base, kw_only=True):
    """A question that is to go to a register. It is deleted once it is answered or given up.

    Attributes:
        evidence_id: what waits for the answer.
        register: which register is asked, by the kind of document that it stands for.
        sealed_reference: what the resident is registered under there.
        due_at: when it is asked, or asked again.
        tries: how often it was asked.
    """

    __tablename__ = "reference_question"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    evidence_id: Mapped[UUID] = mapped_column(
        ForeignKey("application_evidence.id", ondelete="CASCADE"), unique=True
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    register: Mapped[str] = mapped_column(String(64))
    sealed_reference: Mapped[bytes]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0)
