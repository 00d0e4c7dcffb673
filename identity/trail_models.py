"""The tables of the trail: who did what, sealed and chained, and who read whose record."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.actors import ActorKind
from identity.append_only import protect
from identity.db import Base, new_id
from identity.models import StaffRole


class ChainHead(Base, kw_only=True):
    """Where a hash chain ends. Its row is also the lock of whoever writes the chain."""

    __tablename__ = "chain_head"

    chain: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditRow(Base, kw_only=True):
    """One thing that was done. Rows are added, never changed and never removed.

    `id` counts the rows of the chain `acts` from 1; `hash` covers the row and all before it.
    """

    __tablename__ = "audit_row"
    __table_args__ = (CheckConstraint("length(hash) = 32", name="chained"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(120), index=True)
    actor_kind: Mapped[ActorKind]
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_label: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
    hash: Mapped[bytes]


class AuditBatch(Base, kw_only=True):
    """Rows of a stream such as taps, sealed together: `digest` covers the rows as they were.

    `number` counts the batches of the stream from 1; `hash` covers this batch and all before it.
    """

    __tablename__ = "audit_batch"
    __table_args__ = (
        CheckConstraint("length(hash) = 32", name="chained"),
        CheckConstraint("row_count > 0", name="holds_rows"),
    )

    stream: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    row_count: Mapped[int]
    digest: Mapped[bytes]
    hash: Mapped[bytes]


class AuditCheckpoint(Base, kw_only=True):
    """Where every chain ended at a moment, signed: `signed` is a line of JSON to keep elsewhere."""

    __tablename__ = "audit_checkpoint"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    at: Mapped[datetime] = mapped_column(index=True)
    signed: Mapped[str] = mapped_column(Text)


class AssistReason(StrEnum):
    """Why a member of staff acts for a resident."""

    ADDRESS = "address"
    CONTACT = "contact"
    DETAILS = "details"
    ENTITLEMENT = "entitlement"
    CARD = "card"
    EXPLAIN = "explain"
    OTHER = "other"


class Presence(StrEnum):
    """How the resident is present while a member of staff acts for them."""

    CARD_TAPPED = "card-tapped"
    DOCUMENTS_SEEN = "documents-seen"
    TELEPHONE = "telephone"
    LETTER = "letter"


FACE_TO_FACE: Final = frozenset({Presence.CARD_TAPPED, Presence.DOCUMENTS_SEEN})
"""How somebody is present who stands at the desk and has shown who they are."""


class AssistedEnd(StrEnum):
    """What ended an assisted session."""

    CLERK = "clerk"
    TIME = "time"
    SIGN_IN_ENDED = "sign-in-ended"
    ANOTHER_RESIDENT = "another-resident"


class AssistedSession(Base, kw_only=True):
    """A member of staff acts for a resident, for a while. It signs nobody in.

    `session_id` is the staff sign-in it belongs to: without that one it is worth nothing. `role` is
    what the member of staff was then. `sealed_note` says more than `reason` does. Nobody has two
    open at once.
    """

    __tablename__ = "assisted_session"
    __table_args__ = (
        CheckConstraint("expires_at > opened_at", name="lasts"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_something"),
        CheckConstraint("reason <> 'other' OR sealed_note IS NOT NULL", name="other_is_explained"),
        Index(
            "uq_assisted_session_open",
            "staff_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    staff_label: Mapped[str] = mapped_column(String(200))
    role: Mapped[StaffRole]
    session_id: Mapped[UUID]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    reason: Mapped[AssistReason]
    sealed_note: Mapped[bytes | None] = mapped_column(default=None)
    presence: Mapped[Presence]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[AssistedEnd | None] = mapped_column(default=None)


class RecordRead(Base, kw_only=True):
    """Somebody looked at a resident's record. The resident can see that they did, and why.

    `assisted_id`: the assisted session in which they did, if it was in one.
    """

    __tablename__ = "record_read"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    at: Mapped[datetime]
    actor_kind: Mapped[ActorKind]
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_label: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(200))
    assisted_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("assisted_session.id"), index=True, default=None
    )


for _kept in (AuditRow, AuditBatch, AuditCheckpoint):
    if isinstance(_kept.__table__, Table):  # always; the attribute's type says less
        protect(_kept.__table__)
