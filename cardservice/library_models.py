"""The tables of library machines: who may ask by SIP2, and how often each was answered what."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id


class LibraryMachine(Base, kw_only=True):
    """A machine of a library, known by a name and a random secret.

    Attributes:
        name: what it signs in with; permanent, also after it was revoked.
        place: where it stands, as staff call it.
        networks: from which it may sign in, as `192.0.2.0/24`; none: from everywhere.
        secret_hash: SHA-256 of the secret, which is random enough to need no slow hash.
    """

    __tablename__ = "library_machine"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    place: Mapped[str] = mapped_column(String(120))
    networks: Mapped[list[Any]] = mapped_column(JSON)
    secret_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class LibraryUsage(Base, kw_only=True):
    """How often a machine was answered something on one day in London. Counts, never numbers."""

    __tablename__ = "library_usage"

    machine_id: Mapped[UUID] = mapped_column(ForeignKey("library_machine.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(String(24), primary_key=True)
    times: Mapped[int] = mapped_column(BigInteger)
