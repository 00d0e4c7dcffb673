"""The tables of entitlements: who holds what, on which card it is, and what was decided.

A *carrier* is whatever carries a signed record: a card today. Entitlements knows it by an opaque id
and nothing else.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id
from readers.contract.services import Service
from readers.contract.statuslist import Status

_NOT_ENDED = text("ended_at IS NULL")
_NOT_SUPERSEDED = text("superseded_at IS NULL")


class Holder(Base, kw_only=True):
    """A resident as far as entitlements goes.

    `version` rises whenever what a card should say changes; a card written at an older version is
    owed an update. Locking this row is what makes two decisions about one resident take turns.
    """

    __tablename__ = "holder"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    version: Mapped[int] = mapped_column(default=0)


class Assessment(Base, kw_only=True):
    """What one scheme's rule said about one resident. A changed answer is a new row.

    `sealed_decision` is the decision as JSON: its trace tells what is known about the person.
    """

    __tablename__ = "assessment"
    __table_args__ = (
        Index(
            "uq_assessment_current",
            "account_id",
            "scheme",
            unique=True,
            sqlite_where=_NOT_SUPERSEDED,
            postgresql_where=_NOT_SUPERSEDED,
        ),
        Index(
            "ix_assessment_due",
            "next_change_on",
            sqlite_where=_NOT_SUPERSEDED,
            postgresql_where=_NOT_SUPERSEDED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    scheme: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(32))
    rule: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]
    decided_on: Mapped[date]
    next_change_on: Mapped[date | None]
    sealed_decision: Mapped[bytes]
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)


class Grant(Base, kw_only=True):
    """What a resident was given. `valid_until` is the last day, inclusive."""

    __tablename__ = "entitlement_grant"
    __table_args__ = (
        CheckConstraint("valid_until >= valid_from", name="ends_after_start"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_with_reason"),
        Index(
            "uq_entitlement_grant_current",
            "account_id",
            "scheme",
            unique=True,
            sqlite_where=_NOT_ENDED,
            postgresql_where=_NOT_ENDED,
        ),
        Index(
            "ix_entitlement_grant_due",
            "valid_until",
            sqlite_where=_NOT_ENDED,
            postgresql_where=_NOT_ENDED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    scheme: Mapped[str] = mapped_column(String(64))
    service: Mapped[Service]
    entitlement_class: Mapped[str] = mapped_column(String(24))
    valid_from: Mapped[date]
    valid_until: Mapped[date]
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_reason: Mapped[str | None] = mapped_column(String(64), default=None)


class ServiceNumber(Base, kw_only=True):
    """A resident's number with one service: it outlives cards, and no other service knows it.

    `last_used_on` is the day of the last accepted tap among those that are no longer kept.
    """

    __tablename__ = "service_number"
    __table_args__ = (UniqueConstraint("service", "number"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    service: Mapped[Service] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    last_used_on: Mapped[date | None] = mapped_column(default=None)


class ServiceRecord(Base, kw_only=True):
    """One service's record on one carrier.

    Attributes:
        status_index: place in the service's status list; random, and no other record ever gets it.
        status: of the carrier. What the list says also depends on `held`.
        held: whether the resident holds the service; a record whose grant ended is listed as
            suspended until the carrier no longer carries it.
        sequence: of the newest record that was signed.
        written_sequence: of the newest record that a card session confirmed; 0 while none was.
        entitlement_class, valid_from, valid_until: what the newest signed record says;
            `valid_until` is exclusive. All absent when the file was to be emptied.
    """

    __tablename__ = "service_record"
    __table_args__ = (
        UniqueConstraint("carrier_id", "service"),
        UniqueConstraint("service", "status_index"),
        CheckConstraint("written_sequence <= sequence", name="written_was_signed"),
        CheckConstraint("status IN (0, 1, 2)", name="known_status"),
        CheckConstraint("status_index >= 0", name="index_in_list"),
        Index(
            "ix_service_record_listed",
            "service",
            sqlite_where=text("status <> 0 OR NOT held"),
            postgresql_where=text("status <> 0 OR NOT held"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    carrier_id: Mapped[UUID]
    service: Mapped[Service]
    status_index: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[int] = mapped_column(default=Status.VALID.value)
    held: Mapped[bool] = mapped_column(default=True)
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    written_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    entitlement_class: Mapped[str | None] = mapped_column(String(24), default=None)
    valid_from: Mapped[datetime | None] = mapped_column(default=None)
    valid_until: Mapped[datetime | None] = mapped_column(default=None)


class StatusListState(Base, kw_only=True):
    """A service's status list as far as it is not in the records.

    Attributes:
        version: rises whenever the list would come out differently, so that a built one is kept.
        size: number of places; doubled when half of them are used.
        used: number of places that were ever given out.
    """

    __tablename__ = "status_list"
    __table_args__ = (CheckConstraint("used <= size", name="fits"),)

    service: Mapped[Service] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    size: Mapped[int] = mapped_column(BigInteger)
    used: Mapped[int] = mapped_column(BigInteger, default=0)
