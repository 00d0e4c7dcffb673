"""The tables of what partners asked and redeemed."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from entitlements.partner_models import CredentialKind
from identity.db import Base, new_id

_ORGANISATION = "organisation.id"


class RedemptionState(StrEnum):
    """Where a redemption is. One that is held ends by itself when its time is over."""

    HELD = "held"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class PartnerSubject(Base, kw_only=True):
    """The name under which one organisation knows one resident, or one test card.

    Random, and stored when it is first told: no key, no card and no change of either alters it, and
    two organisations cannot find out that they know the same person.
    """

    __tablename__ = "partner_subject"
    __table_args__ = (
        UniqueConstraint("organisation_id", "account_id"),
        UniqueConstraint("organisation_id", "test_card"),
        CheckConstraint(
            "(account_id IS NULL) <> (test_card IS NULL)", name="resident_or_test_card"
        ),
    )

    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION))
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("account.id"), index=True, default=None
    )
    test_card: Mapped[int | None] = mapped_column(BigInteger, default=None)
    told_at: Mapped[datetime]


class Redemption(Base, kw_only=True):
    """One use of an offer.

    Attributes:
        year: the calendar year in London whose quota it uses.
        first: it is the first time, which the offer gives free.
        percent_off: what the holder does not pay; 100 is free.
        expires_at: when it ends unless it is confirmed before.
    """

    __tablename__ = "redemption"
    __table_args__ = (
        Index("ix_redemption_used", "subject", "scheme", "year"),
        CheckConstraint("percent_off >= 0 AND percent_off <= 100", name="percentage"),
        CheckConstraint("companions >= 0", name="companions_counted"),
        CheckConstraint("(state = 'held') = (ended_at IS NULL)", name="ended_at_a_time"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), index=True)
    subject: Mapped[str] = mapped_column(ForeignKey("partner_subject.subject"))
    scheme: Mapped[str] = mapped_column(String(64))
    year: Mapped[int]
    state: Mapped[RedemptionState] = mapped_column(default=RedemptionState.HELD)
    first: Mapped[bool]
    percent_off: Mapped[int]
    companions: Mapped[int]
    held_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class AnsweredKey(Base, kw_only=True):
    """What a request with an `Idempotency-Key` was answered, so that it is answered so again."""

    __tablename__ = "partner_answered_key"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), primary_key=True)
    kind: Mapped[CredentialKind] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int] = mapped_column(default=0)
    media_type: Mapped[str] = mapped_column(String(40), default="")
    body: Mapped[bytes] = mapped_column(default=b"")
    answered_at: Mapped[datetime] = mapped_column(index=True)


class PartnerUsage(Base, kw_only=True):
    """How often an organisation was answered what, on one day in London."""

    __tablename__ = "partner_usage"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), primary_key=True)
    kind: Mapped[CredentialKind] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(String(40), primary_key=True)
    times: Mapped[int] = mapped_column(BigInteger)


class ShownPass(Base, kw_only=True):
    """A phone pass or a terminal's token that an organisation was shown: no other is shown it."""

    __tablename__ = "partner_shown_pass"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION))
    expires_at: Mapped[datetime] = mapped_column(index=True)
