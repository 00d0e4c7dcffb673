"""The tables of how a terminal is set up from afar, and of how it says it is."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base

_WORDS = JSON().with_variant(JSONB(), "postgresql")


class TerminalSetUp(Base, kw_only=True):
    """What one terminal's bundle tells it about itself; without a row, what every terminal does.

    Attributes:
        product: a value of `readers.contract.products.Product`.
        settings: fields of `readers.contract.products.RemoteSettings` that were set.
    """

    __tablename__ = "terminal_set_up"

    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"), primary_key=True)
    product: Mapped[str] = mapped_column(String(32))
    settings: Mapped[dict[str, Any]] = mapped_column(_WORDS)
    changed_at: Mapped[datetime]


class TerminalHealth(Base, kw_only=True):
    """The last thing a terminal said of its own state.

    Attributes:
        report: a `readers.contract.health.HealthReport`, as it was checked.
        clock_off_seconds: how far its clock runs ahead of the server's; below zero, behind.
    """

    __tablename__ = "terminal_health"

    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"), primary_key=True)
    received_at: Mapped[datetime]
    clock_off_seconds: Mapped[int]
    report: Mapped[dict[str, Any]] = mapped_column(_WORDS)
