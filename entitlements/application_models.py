"""The tables of applications: what a resident asks for, and everything that became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.actors import ActorKind
from identity.db import Base, new_id


class ApplicationState(StrEnum):
    """How far an application is."""

    STARTED = "started"
    SUBMITTED = "submitted"
    EVIDENCE_WANTED = "evidence-wanted"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REVIEW_ASKED = "review-asked"


OPEN: Final = frozenset(
    {
        ApplicationState.STARTED,
        ApplicationState.SUBMITTED,
        ApplicationState.EVIDENCE_WANTED,
    }
)
"""Of a resident's applications for one scheme at most one is in such a state."""

WAITING: Final = (OPEN | {ApplicationState.REVIEW_ASKED}) - {ApplicationState.STARTED}
"""It was sent, and is not decided, or is decided anew."""


class Happened(StrEnum):
    """What became of an application, one word an event; more may come, so no CHECK holds them."""

    STARTED = "started"
    ANSWERED = "answered"
    SUBMITTED = "submitted"
    EVIDENCE_WANTED = "evidence-wanted"
    EVIDENCE_GIVEN = "evidence-given"
    LOOKED_UP = "looked-up"
    CLAIMED = "claimed"
    HANDED_OVER = "handed-over"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REVIEW_ASKED = "review-asked"
    NOTED = "noted"


_OPEN: Final = text("state IN ('started', 'submitted', 'evidence-wanted')")
_QUEUE: Final = text("state IN ('submitted', 'review-asked')")


class Application(Base, kw_only=True):
    """What one resident asks for: one scheme, once.

    Attributes:
        reference: what people call it by, such as `KA-7M3Q9XTB`.
        saves: how often its answers changed; a form sent from an older page is seen by it.
        claimed_by: id of the member of staff who looks after it, until `claimed_until`.
        claimed_label: their name.
        sealed_answers: JSON, name of a fact -> what was answered: true, false or whole pence.
        sealed_outcome: JSON, the sentences the resident was told when it was decided.
        book: digest of the rules it was decided or sent on by.
        grant_id: what it led to, or waits to.
        saved_at: when an answer was given last.
    """

    __tablename__ = "application"
    __table_args__ = (
        CheckConstraint(
            "(state = 'started') = (submitted_at IS NULL) OR state = 'withdrawn'",
            name="submitted_at_some_time",
        ),
        CheckConstraint(
            "(state IN ('granted', 'refused', 'withdrawn')) = (closed_at IS NOT NULL)",
            name="closed_at_some_time",
        ),
        Index(
            "uq_application_open",
            "account_id",
            "scheme",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_application_queue",
            "submitted_at",
            sqlite_where=_QUEUE,
            postgresql_where=_QUEUE,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    scheme: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    state: Mapped[ApplicationState] = mapped_column(default=ApplicationState.STARTED)
    saves: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(String(64), default=None)
    claimed_label: Mapped[str | None] = mapped_column(String(200), default=None)
    claimed_until: Mapped[datetime | None] = mapped_column(default=None)
    sealed_answers: Mapped[bytes]
    sealed_outcome: Mapped[bytes | None] = mapped_column(default=None)
    book: Mapped[str | None] = mapped_column(String(64), default=None)
    grant_id: Mapped[UUID | None] = mapped_column(ForeignKey("entitlement_grant.id"), default=None)
    started_at: Mapped[datetime]
    saved_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)


class ApplicationEvent(Base, kw_only=True):
    """Something that happened to an application. Rows are only ever added.

    Attributes:
        what: a word of `Happened`.
        by_label: who, as a resident may be shown it.
        sealed_words: what was said with it, as text; none where there is nothing to say.
    """

    __tablename__ = "application_event"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    application_id: Mapped[UUID] = mapped_column(ForeignKey("application.id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(40))
    by_kind: Mapped[ActorKind]
    by_id: Mapped[str] = mapped_column(String(64))
    by_label: Mapped[str] = mapped_column(String(200))
    sealed_words: Mapped[bytes | None] = mapped_column(default=None)
