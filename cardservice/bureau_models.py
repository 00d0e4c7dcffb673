"""The tables of card bureaus: who they are, and the batches of cards they are asked to make."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from cardservice.models import Card, Terminal
from identity.db import Base, new_id

_UNDER_WAY = text("state IN ('waiting', 'sent')")


class BatchState(StrEnum):
    """How far a batch is. Nothing leaves the house before a second person has released it."""

    MADE = "made"
    RELEASED = "released"
    SENT = "sent"
    ANSWERED = "answered"
    CANCELLED = "cancelled"


class RowState(StrEnum):
    """What became of one card of a batch; `withdrawn` never left the house."""

    WAITING = "waiting"
    SENT = "sent"
    DISPATCHED = "dispatched"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class Bureau(Base, kw_only=True):
    """A firm that prints and posts cards, known by two public keys (32 bytes each).

    Attributes:
        sealing_key: X25519: batches are sealed for it.
        signing_key: Ed25519: results are signed by it.
        encoder_id: the terminal at which it writes chips; each row of a batch in turn.
    """

    __tablename__ = "bureau"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    sealing_key: Mapped[bytes]
    signing_key: Mapped[bytes]
    encoder_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(Terminal.id), unique=True, default=None
    )
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class ProductionBatch(Base, kw_only=True):
    """Cards of one product that a bureau is asked to make, print and post.

    Attributes:
        sent_at: when it was first given to somebody as a file.
        closed_at: when its results came, or it was cancelled.
    """

    __tablename__ = "production_batch"
    __table_args__ = (
        CheckConstraint("released_by_id <> made_by_id", name="second_person"),
        CheckConstraint(
            "state NOT IN ('released', 'sent', 'answered') OR released_by_id IS NOT NULL",
            name="released_by_somebody",
        ),
        CheckConstraint(
            "(closed_at IS NOT NULL) = (state IN ('answered', 'cancelled'))", name="closed_at_end"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    bureau_id: Mapped[UUID] = mapped_column(ForeignKey("bureau.id"))
    product: Mapped[str] = mapped_column(String(40))
    state: Mapped[BatchState] = mapped_column(default=BatchState.MADE)
    made_at: Mapped[datetime]
    made_by_id: Mapped[str] = mapped_column(String(64))
    made_by_label: Mapped[str] = mapped_column(String(200))
    released_at: Mapped[datetime | None] = mapped_column(default=None)
    released_by_id: Mapped[str | None] = mapped_column(String(64), default=None)
    released_by_label: Mapped[str | None] = mapped_column(String(200), default=None)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)


class BatchRow(Base, kw_only=True):
    """One card of a batch; `number` counts from 1. A card is in one batch at a time.

    `fault` is a value of `bureau_results.Fault`: why the bureau could not make it.
    """

    __tablename__ = "batch_row"
    __table_args__ = (
        Index(
            "uq_batch_row_under_way",
            "card_id",
            unique=True,
            sqlite_where=_UNDER_WAY,
            postgresql_where=_UNDER_WAY,
        ),
        CheckConstraint("(state = 'failed') = (fault IS NOT NULL)", name="failed_with_fault"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("production_batch.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    card_id: Mapped[UUID] = mapped_column(ForeignKey(Card.id), index=True)
    state: Mapped[RowState] = mapped_column(default=RowState.WAITING)
    fault: Mapped[str | None] = mapped_column(String(16), default=None)
