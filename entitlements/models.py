"""The tables of entitlements: who holds what, on which card it is, and what was decided.

A *carrier* is whatever carries a signed record: a card today. Entitlements knows it by an opaque id
and nothing else.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from entitlements.grant_states import GrantState
from identity.db import Base, new_id
from readers.contract.services import Service
from readers.contract.statuslist import Status

NOT_VALID = text("(status <> 0 OR NOT held)")
"""Of records that their list tells of. A query that says it in other words misses their index."""
_NOT_ENDED = text("ended_at IS NULL")
_NOT_SUPERSEDED = text("superseded_at IS NULL")


class PublicationState(StrEnum):
    """Whether a second person has decided about a change of the rules."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class RunState(StrEnum):
    """Whether a run over every resident has ended."""

    RUNNING = "running"
    FINISHED = "finished"


class Standing(StrEnum):
    """What a fact rests on."""

    TOLD = "told"
    OWN_WORD = "own-word"
    CLAIMED = "claimed"


class Giving(StrEnum):
    """What becomes of something a resident became entitled to."""

    ADD = "add"
    OFFER = "offer"


class RuleText(Base, kw_only=True):
    """The text of a rule file or table, kept once and for ever. `digest` is SHA-256 of it."""

    __tablename__ = "rule_text"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class KeptBook(Base, kw_only=True):
    """The rules that decisions were made with, all together.

    Attributes:
        digest: of the book (`schemes.rulebook.digest_of`).
        files: name of each file -> digest of its text.
    """

    __tablename__ = "rule_book"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    files: Mapped[dict[str, Any]] = mapped_column(JSON)
    first_used_at: Mapped[datetime]


class Publication(Base, kw_only=True):
    """A rule file that somebody asked to publish; another person approves or refuses it.

    Attributes:
        number: counts what was approved, from 1; none before.
        file: name of the rule file or table.
        text_digest: of what is to be published.
        reason: why, as it was asked.
        first_day: the first day whose rules it changes; none if it changes the days of no rule.
        backdated: it was asked for, and approved, although that day had passed.
        consequences: what it would do, as JSON: counts, never people; none until they are counted.
        refusal: why it was refused.
    """

    __tablename__ = "rule_publication"
    __table_args__ = (
        CheckConstraint("decided_by_id <> asked_by_id", name="second_person"),
        CheckConstraint(
            "(state = 'waiting') = (decided_by_id IS NULL)", name="decided_by_somebody"
        ),
        CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="refused_with_reason"),
        CheckConstraint("(state = 'approved') = (number IS NOT NULL)", name="approved_is_counted"),
        Index(
            "uq_rule_publication_waiting",
            "file",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    number: Mapped[int | None] = mapped_column(unique=True, default=None)
    file: Mapped[str] = mapped_column(String(80))
    text_digest: Mapped[str] = mapped_column(ForeignKey("rule_text.digest"))
    state: Mapped[PublicationState] = mapped_column(default=PublicationState.WAITING)
    reason: Mapped[str] = mapped_column(String(200))
    first_day: Mapped[date | None]
    backdated: Mapped[bool]
    consequences: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), default=None
    )
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[str] = mapped_column(String(64))
    asked_by_label: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by_id: Mapped[str | None] = mapped_column(String(64), default=None)
    decided_by_label: Mapped[str | None] = mapped_column(String(200), default=None)
    refusal: Mapped[str | None] = mapped_column(String(200), default=None)


class FedFact(Base, kw_only=True):
    """What another system, an officer or the resident told us. A changed fact is a new row.

    Attributes:
        sealed_value: JSON: true, false or whole pence.
        sealed_reason: what the officer who told it said it rests on; systems say nothing.
        standing: `told` by another system or an officer; `own-word` where the resident's own word
            is enough; `claimed` where it is not, which no rule ever sees as known.
    """

    __tablename__ = "fed_fact"
    __table_args__ = (
        Index(
            "uq_fed_fact_current",
            "account_id",
            "name",
            unique=True,
            sqlite_where=_NOT_SUPERSEDED,
            postgresql_where=_NOT_SUPERSEDED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    told_at: Mapped[datetime]
    told_by_id: Mapped[str] = mapped_column(String(64))
    told_by_label: Mapped[str] = mapped_column(String(200))
    standing: Mapped[Standing] = mapped_column(
        server_default=Standing.TOLD.value, default=Standing.TOLD
    )
    sealed_value: Mapped[bytes]
    sealed_reason: Mapped[bytes | None] = mapped_column(default=None)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)


class ReassessmentRun(Base, kw_only=True):
    """A run over every resident, and how far it is: one that was broken off goes on from there.

    Attributes:
        reason: what made it necessary.
        after: the last resident that was looked at.
        looked_at: how many residents were.
        changed: of them, those for whom something was written.
        failed: those who could not be decided for.
    """

    __tablename__ = "reassessment_run"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[RunState] = mapped_column(default=RunState.RUNNING)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    after: Mapped[UUID | None] = mapped_column(default=None)
    looked_at: Mapped[int] = mapped_column(BigInteger, default=0)
    changed: Mapped[int] = mapped_column(BigInteger, default=0)
    failed: Mapped[int] = mapped_column(BigInteger, default=0)


class Holder(Base, kw_only=True):
    """A resident as far as entitlements goes.

    `version` rises whenever what a card should say changes; a card written at an older version is
    owed an update. Locking this row is what makes two decisions about one resident take turns.
    `giving` is what the resident chose for what they become entitled to; none leaves it to each
    rule.

    `answers` is the fingerprint of every scheme's current answer, and `answers_change_on` the first
    day on which one of them is due to change: see `answers`. Without a fingerprint the resident is
    decided for anew when everybody is looked at.

    `shown_over_on` is the first day without what others gave and staff have seen.
    """

    __tablename__ = "holder"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    giving: Mapped[Giving | None] = mapped_column(default=None)
    answers: Mapped[bytes | None] = mapped_column(default=None)
    answers_change_on: Mapped[date | None] = mapped_column(default=None)
    shown_over_on: Mapped[date | None] = mapped_column(default=None, index=True)


class Assessment(Base, kw_only=True):
    """What one scheme's rule said about one resident. A changed answer is a new row.

    `sealed_decision` is the decision as JSON: its trace tells what is known about the person.
    `sealed_facts` is JSON of the facts it was made on, with the version of each, and `book` the
    rules it was made with, so that it can be made again; both are absent in rows from before they
    were kept.
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
    sealed_facts: Mapped[bytes | None] = mapped_column(default=None)
    book: Mapped[str | None] = mapped_column(String(64), default=None)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)


class Grant(Base, kw_only=True):
    """What a resident was given, or may be. `valid_until` is the last day, inclusive.

    A grant without a service is never on a card. Of two grants of one service a card shows the one
    of the higher `card_rank`. Of what is offered or applied for, class and days are what they would
    be on the day of the offer or application.
    """

    __tablename__ = "entitlement_grant"
    __table_args__ = (
        CheckConstraint("valid_until >= valid_from", name="ends_after_start"),
        CheckConstraint("(ended_at IS NULL) = (ended_reason IS NULL)", name="ended_with_reason"),
        CheckConstraint("(ended_at IS NULL) = (state <> 'ended')", name="ended_state"),
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
    service: Mapped[Service | None]
    entitlement_class: Mapped[str] = mapped_column(String(24))
    state: Mapped[GrantState] = mapped_column(
        server_default=GrantState.GRANTED.value, default=GrantState.GRANTED
    )
    card_rank: Mapped[int] = mapped_column(server_default=text("0"), default=0)
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
        lessened_at_sequence: of the newest record that gives less than the one before it; 0 while
            none did. Once the carrier was confirmed to carry it, an older one was put back.
        blocked: whether the newest signed record says of itself that it must be refused.
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
            "status_index",
            sqlite_where=NOT_VALID,
            postgresql_where=NOT_VALID,
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
    lessened_at_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    blocked: Mapped[bool] = mapped_column(server_default=false(), default=False)


class StatusListState(Base, kw_only=True):
    """A service's status list as far as it is not in the records.

    Attributes:
        version: rises whenever the list would come out differently, so that a built one is kept.
        size: number of places; doubled when half of them are used.
        used: number of places that were ever given out.
        first_free: new places are given out from here on. Those below may be on cards made after
            the backup from which the database was restored.
    """

    __tablename__ = "status_list"
    __table_args__ = (CheckConstraint("used <= size", name="fits"),)

    service: Mapped[Service] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    size: Mapped[int] = mapped_column(BigInteger)
    used: Mapped[int] = mapped_column(BigInteger, default=0)
    first_free: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)


class KeptStatus(Base, kw_only=True):
    """A place that a list refused before the database was restored, which knows no record there.

    Attributes:
        status: `INVALID` or `SUSPENDED`, as the list said; it is said for ever.
    """

    __tablename__ = "kept_status"
    __table_args__ = (CheckConstraint("status IN (1, 2)", name="refused"),)

    service: Mapped[Service] = mapped_column(primary_key=True)
    status_index: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    status: Mapped[int]
