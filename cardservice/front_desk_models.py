"""The table of what was laid on a front desk's reader, for the clerk whose browser it serves."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id


class DeskTap(Base, kw_only=True):
    """A holder's card or a bus pass at a front desk; told to the session of its pairing alone.

    Attributes:
        account_id: of a card's holder; absent for a bus pass.
        sealed_pass: a bus pass that was read, nobody's as yet: sealed with the store's key.
        opened_at: when the clerk's browser opened the record.
    """

    __tablename__ = "desk_tap"
    __table_args__ = (
        CheckConstraint("(account_id IS NULL) <> (sealed_pass IS NULL)", name="holder_or_pass"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    pairing_id: Mapped[UUID] = mapped_column(ForeignKey("pairing.id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("account.id"), index=True, default=None
    )
    sealed_pass: Mapped[bytes | None] = mapped_column(default=None)
    tapped_at: Mapped[datetime] = mapped_column(index=True)
    opened_at: Mapped[datetime | None] = mapped_column(default=None)
