"""The table of bus passes of other issuers that residents have linked to their accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id


class LinkedBusPass(Base, kw_only=True):
    """A bus pass that is somebody's, by its ISRN; a pass is at most one account's.

    Attributes:
        read: whether a reader read the number; otherwise it was typed.
    """

    __tablename__ = "linked_bus_pass"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    sealed_isrn: Mapped[bytes]
    isrn_index: Mapped[bytes] = mapped_column(unique=True)
    read: Mapped[bool]
    linked_at: Mapped[datetime]
