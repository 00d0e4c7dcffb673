"""The tables of the trail: who did what, sealed and chained, and who read whose record."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.actors import ActorKind
from identity.append_only import protect
from identity.db import Base, new_id


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


class RecordRead(Base, kw_only=True):
    """Somebody looked at a resident's record. The resident can see that they did, and why."""

    __tablename__ = "record_read"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    at: Mapped[datetime]
    actor_kind: Mapped[ActorKind]
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_label: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(200))


for _kept in (AuditRow, AuditBatch, AuditCheckpoint):
    if isinstance(_kept.__table__, Table):  # always; the attribute's type says less
        protect(_kept.__table__)
