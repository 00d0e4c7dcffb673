"""What is charged for a card, and the payments that were begun for it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from cardservice.charge_causes import Cause, Relief
from identity.db import Base, new_id


class ChargeState(StrEnum):
    """How a charge stands."""

    DUE = "due"
    PAID = "paid"
    WAIVED = "waived"
    REFUNDED = "refunded"


class Method(StrEnum):
    """By what a charge was paid."""

    DESK = "desk"
    GOVUK_PAY = "govuk-pay"


class PaymentState(StrEnum):
    """How far a payment by GOV.UK Pay is; `BEGUN` until it has said how it ended."""

    BEGUN = "begun"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_BEGUN = text("state = 'begun'")


class Charge(Base, kw_only=True):
    """What a holder owes, or owed, for a card: one for a card at most.

    Attributes:
        card_id: the card that is charged for, not the one it replaces.
        pence: how much; never nothing.
        settled_at: when it was paid or waived.
        settled_by_id: of who took or waived it; None for the service itself.
        relief: why it was waived or refunded.
        refunded_at: when it was given back.
    """

    __tablename__ = "charge"
    __table_args__ = (
        CheckConstraint("pence > 0", name="costs_something"),
        CheckConstraint("(state = 'due') = (settled_at IS NULL)", name="settled_or_due"),
        CheckConstraint("(state IN ('paid', 'refunded')) = (method IS NOT NULL)", name="paid_by"),
        CheckConstraint("(state = 'refunded') = (refunded_at IS NOT NULL)", name="refunded_then"),
        CheckConstraint(
            "(state IN ('waived', 'refunded')) = (relief IS NOT NULL)", name="relieved_because"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    card_id: Mapped[UUID] = mapped_column(ForeignKey("card.id"), unique=True)
    cause: Mapped[Cause]
    pence: Mapped[int]
    state: Mapped[ChargeState] = mapped_column(default=ChargeState.DUE)
    due_at: Mapped[datetime]
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    settled_by_id: Mapped[str | None] = mapped_column(String(64), default=None)
    method: Mapped[Method | None] = mapped_column(default=None)
    relief: Mapped[Relief | None] = mapped_column(default=None)
    refunded_at: Mapped[datetime | None] = mapped_column(default=None)


class Payment(Base, kw_only=True):
    """A payment that was begun for a charge by GOV.UK Pay; at most one is open for a charge.

    Attributes:
        id: sent with it, so that asked for twice it is one payment.
        asked_at: when the worker last asked what became of it; first when it was begun.
        provider_id: as GOV.UK Pay names it; None until it has answered.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("(state = 'begun') = (ended_at IS NULL)", name="ended_or_begun"),
        Index(
            "uq_payment_begun",
            "charge_id",
            unique=True,
            sqlite_where=_BEGUN,
            postgresql_where=_BEGUN,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    charge_id: Mapped[UUID] = mapped_column(ForeignKey("charge.id"), index=True)
    begun_at: Mapped[datetime]
    asked_at: Mapped[datetime]
    provider_id: Mapped[str | None] = mapped_column(String(64), unique=True, default=None)
    state: Mapped[PaymentState] = mapped_column(default=PaymentState.BEGUN)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
