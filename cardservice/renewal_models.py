"""The tables of renewal: runs over the cards that end on a day, and what became of each card."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from cardservice.models import Card
from identity.db import Base, new_id


class RenewalState(StrEnum):
    """What became of a card that ends."""

    RENEWED = "renewed"
    ASKED = "asked"
    DECLINED = "declined"
    LEFT = "left"


class RunState(StrEnum):
    """How far a run is: it is previewed, begun by somebody, and done by the worker."""

    TO_PREVIEW = "to-preview"
    PREVIEWED = "previewed"
    RUNNING = "running"
    FINISHED = "finished"


class RenewalRun(Base, kw_only=True):
    """A run over every card that ends on a day. One that was broken off goes on from `after`.

    Attributes:
        preview: what it would do, as JSON of `renewing.Preview`: counts, never people.
        after: the last card that was looked at.
        looked_at: how many cards were, since it began.
        failed: of them, those whose holder's record could not be read; the next run tries again.
    """

    __tablename__ = "renewal_run"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    expires_on: Mapped[date] = mapped_column(unique=True)
    state: Mapped[RunState] = mapped_column(default=RunState.TO_PREVIEW)
    asked_at: Mapped[datetime]
    preview: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    previewed_at: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    started_by: Mapped[str | None] = mapped_column(String(200), default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    after: Mapped[UUID | None] = mapped_column(default=None)
    looked_at: Mapped[int] = mapped_column(BigInteger, default=0)
    failed: Mapped[int] = mapped_column(BigInteger, default=0)


class Renewal(Base, kw_only=True):
    """A card that ends, once: so nobody is told twice, and no second card is made.

    Attributes:
        reasons: values of `renewal_rules.Asking` or `Leaving`.
        answered_at: when the holder, or staff for them, said whether they want the card.
        new_card_id: the card that was ordered.
    """

    __tablename__ = "renewal"
    __table_args__ = (
        CheckConstraint("(state = 'renewed') = (new_card_id IS NOT NULL)", name="renewed_by_card"),
    )

    card_id: Mapped[UUID] = mapped_column(ForeignKey(Card.id), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("renewal_run.id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    state: Mapped[RenewalState]
    reasons: Mapped[list[Any]] = mapped_column(JSON)
    decided_at: Mapped[datetime]
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    new_card_id: Mapped[UUID | None] = mapped_column(ForeignKey(Card.id), default=None)
