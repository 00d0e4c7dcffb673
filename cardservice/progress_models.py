"""The table of what a paired reader did with a card, for the one clerk it serves."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id
from readers.contract.wire import SessionResult


class Stage(StrEnum):
    """How far the making of a card is, in the order in which it goes."""

    CARD_LAID = "card-laid"
    CHECKING = "checking"
    APPLICATION = "application"
    KEYS = "keys"
    FILES = "files"
    WRITING = "writing"
    CLOSING = "closing"


class Progress(Base, kw_only=True):
    """One card laid on a paired reader, from there to how it ended.

    Attributes:
        order_id: that waited for the pairing then; None if none did.
        code: of the error or reason that ended it.
    """

    __tablename__ = "progress"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (result IS NULL)", name="ended_with_result"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    pairing_id: Mapped[UUID] = mapped_column(ForeignKey("pairing.id"), index=True)
    order_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("card_order.id", ondelete="CASCADE"), index=True, default=None
    )
    began_at: Mapped[datetime] = mapped_column(index=True)
    stage: Mapped[Stage] = mapped_column(default=Stage.CARD_LAID)
    stage_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[SessionResult | None] = mapped_column(default=None)
    code: Mapped[str | None] = mapped_column(String(64), default=None)
