"""The tables of what partners are told, and of the addresses they have it sent to.

An event has no column for anything that a partner may not know: not who somebody is, not why
something ended, not which class of an entitlement it was.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from entitlements.partner_models import CredentialKind
from entitlements.webhook_sending import Result
from identity.db import Base, new_id

_ORGANISATION: Final = "organisation.id"
_ENDPOINT: Final = "webhook_endpoint.id"
_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only such a key up


class EventType(StrEnum):
    """What a partner is told of. Permanent words: programs act on them."""

    ENTITLEMENT_ENDED = "entitlement.ended"
    ENTITLEMENT_SUSPENDED = "entitlement.suspended"
    ENTITLEMENT_RESUMED = "entitlement.resumed"
    ENTITLEMENT_CHANGED = "entitlement.changed"
    CARD_STOPPED = "card.stopped"
    CARD_RESUMED = "card.resumed"
    CARD_ENDED = "card.ended"
    REDEMPTION_CONFIRMED = "redemption.confirmed"
    REDEMPTION_CANCELLED = "redemption.cancelled"
    TEST = "test.sent"


class Disabled(StrEnum):
    """Why nothing is sent to an address any more."""

    PARTNER = "partner"
    GONE = "gone"


class PartnerEvent(Base, kw_only=True):
    """Something a partner is told, written in the transaction in which it happened.

    Attributes:
        serial: rises with every event; of two about one resident the later has the higher.
        id: by which partners know it, in the feed and as `webhook-id`.
        position: in the organisation's feed; given once the event is committed, so that nobody who
            has read up to a position ever misses one before it.
        kind: whether it is about residents, or about the test cards of the sandbox.
        subject: the name under which this organisation knows the resident.
    """

    __tablename__ = "partner_event"
    __table_args__ = (
        CheckConstraint("(type = 'test.sent') = (subject IS NULL)", name="about_somebody"),
        CheckConstraint(
            "(type LIKE 'entitlement.%' OR type LIKE 'redemption.%') = (scheme IS NOT NULL)",
            name="about_a_scheme",
        ),
        CheckConstraint(
            "(type LIKE 'redemption.%') = (redemption_id IS NOT NULL)", name="about_a_redemption"
        ),
        UniqueConstraint("organisation_id", "kind", "position"),
        Index(
            "ix_partner_event_waiting",
            "organisation_id",
            "kind",
            "serial",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
    )

    serial: Mapped[int] = mapped_column(_SERIAL, primary_key=True, init=False)
    id: Mapped[UUID] = mapped_column(unique=True, default_factory=new_id)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION))
    kind: Mapped[CredentialKind] = mapped_column(default=CredentialKind.LIVE)
    type: Mapped[EventType]
    at: Mapped[datetime] = mapped_column(index=True)
    subject: Mapped[str | None] = mapped_column(String(64), index=True, default=None)
    scheme: Mapped[str | None] = mapped_column(String(64), default=None)
    redemption_id: Mapped[UUID | None] = mapped_column(default=None)
    position: Mapped[int | None] = mapped_column(BigInteger, default=None)


class PartnerFeed(Base, kw_only=True):
    """How many events of an organisation's feed have a position; locked while one is given."""

    __tablename__ = "partner_feed"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), primary_key=True)
    kind: Mapped[CredentialKind] = mapped_column(primary_key=True)
    last_position: Mapped[int] = mapped_column(BigInteger, default=0)


class WebhookEndpoint(Base, kw_only=True):
    """An address to which an organisation has its events sent."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint(
            "(disabled_at IS NULL) = (disabled_because IS NULL)", name="disabled_for_a_reason"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), index=True)
    url: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
    disabled_because: Mapped[Disabled | None] = mapped_column(default=None)


class WebhookSecret(Base, kw_only=True):
    """What an endpoint's messages are signed with; `stops_at` is set when a newer one was made."""

    __tablename__ = "webhook_secret"
    __table_args__ = (
        Index(
            "uq_webhook_secret_current",
            "endpoint_id",
            unique=True,
            sqlite_where=text("stops_at IS NULL"),
            postgresql_where=text("stops_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(_ENDPOINT), index=True)
    created_at: Mapped[datetime]
    sealed_secret: Mapped[bytes]
    stops_at: Mapped[datetime | None] = mapped_column(default=None)


class WebhookDelivery(Base, kw_only=True):
    """An event on its way to an address.

    Attributes:
        due_at: when it is tried next; none once it was taken or given up.
        tries: since it was first sent, or sent again because the partner asked.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        CheckConstraint(
            "due_at IS NULL OR (taken_at IS NULL AND given_up_at IS NULL)", name="due_until_done"
        ),
        CheckConstraint("taken_at IS NULL OR given_up_at IS NULL", name="taken_or_given_up"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey(_ENDPOINT))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("partner_event.id"), index=True)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0)
    taken_at: Mapped[datetime | None] = mapped_column(default=None)
    given_up_at: Mapped[datetime | None] = mapped_column(default=None)


class WebhookTry(Base, kw_only=True):
    """One try of a delivery: when, and what came of it. Of the answer one plain line is kept."""

    __tablename__ = "webhook_try"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_delivery.id"), index=True)
    at: Mapped[datetime]
    result: Mapped[Result]
    status: Mapped[int | None]
    took_ms: Mapped[int]
    line: Mapped[str] = mapped_column(String(100))
