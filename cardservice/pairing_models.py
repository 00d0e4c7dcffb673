"""The tables of pairing: a terminal that serves one browser of a member of staff, and no other."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id

_OPEN = text("ended_at IS NULL")


class PairingCode(Base, kw_only=True):
    """The code on a terminal's screen: one at a time, gone once it was typed.

    `code_index` is a keyed hash, because so short a code would be guessed from a plain one.
    """

    __tablename__ = "pairing_code"

    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"), primary_key=True)
    code_index: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Pairing(Base, kw_only=True):
    """A terminal serves a staff session. A terminal has at most one that was not ended.

    One that was not ended still ends with its session: `pairing` asks for that each time.

    Attributes:
        session_id: `Session.id`, which stays when the session's token is exchanged.
    """

    __tablename__ = "pairing"
    __table_args__ = (
        Index(
            "uq_pairing_open",
            "terminal_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"))
    session_id: Mapped[UUID] = mapped_column(index=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
