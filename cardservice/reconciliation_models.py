"""The tables of reconciliation: what does not add up in the taps, and how far was looked."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base

_ID: Final = BigInteger().with_variant(Integer, "sqlite")
_OPEN: Final = text("closed_at IS NULL")


class FindingKind(StrEnum):
    """What does not add up."""

    DUPLICATE = "duplicate"
    GAP = "gap"
    BROKEN_CHAIN = "broken-chain"
    CLOCK_DRIFT = "clock-drift"
    IMPOSSIBLE_TRAVEL = "impossible-travel"


class TapFinding(Base, kw_only=True):
    """Taps of one terminal that do not add up, until a member of staff has closed it.

    It names taps, not people, and outlives the taps it names.

    Attributes:
        first_sequence, last_sequence: the taps, or the numbers that are missing.
        other_terminal_id, other_sequence: the tap at another place, of impossible travel.
        seconds: how far the clock was off, or how long lay between the two taps.
        note: what was found out, or that what was missing arrived.
    """

    __tablename__ = "tap_finding"
    __table_args__ = (
        CheckConstraint(
            "(closed_at IS NULL) = (note IS NULL) AND (closed_at IS NULL) = (closed_by IS NULL)",
            name="closed_with_note",
        ),
        CheckConstraint("first_sequence <= last_sequence", name="in_order"),
        Index("uq_tap_finding_of_taps", "kind", "terminal_id", "first_sequence", unique=True),
        Index("ix_tap_finding_open", "found_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(_ID, primary_key=True, init=False)
    kind: Mapped[FindingKind]
    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"))
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    other_terminal_id: Mapped[UUID | None] = mapped_column(ForeignKey("terminal.id"), default=None)
    other_sequence: Mapped[int | None] = mapped_column(BigInteger, default=None)
    seconds: Mapped[int | None] = mapped_column(BigInteger, default=None)
    found_at: Mapped[datetime]
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[str | None] = mapped_column(String(64), default=None)
    note: Mapped[str | None] = mapped_column(String(500), default=None)


class TapTail(Base, kw_only=True):
    """The highest tap of a terminal that was looked at; it stays when the taps are gone."""

    __tablename__ = "tap_tail"

    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    link: Mapped[bytes | None] = mapped_column(default=None)


class TapsLookedAt(Base, kw_only=True):
    """How far reconciliation has come; one row, with `id` 1.

    Attributes:
        batch: the newest audit batch of taps that was looked at.
        conflict: the newest row of `tap_conflict`.
    """

    __tablename__ = "taps_looked_at"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    batch: Mapped[int] = mapped_column(BigInteger, default=0)
    conflict: Mapped[int] = mapped_column(BigInteger, default=0)
