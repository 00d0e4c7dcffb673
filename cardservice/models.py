"""The tables of cardservice: cards, phones, orders, terminals, card sessions and taps."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cardservice.products import KENT_CARD
from identity.db import Base, new_id
from readers.contract.services import Service
from readers.contract.wire import Mode, Purpose, SessionResult


class CardState(StrEnum):
    """Where a card is in its life; `lifecycle.MOVES` says what may follow what.

    `DESTROYED` is a card that is no more: cut up, given up while it was made, or an order that was
    cancelled. Its chip, should one come back, is a blank like any other.
    """

    ORDERED = "ordered"
    PERSONALISED = "personalised"
    DISPATCHED = "dispatched"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    FAULTY = "faulty"
    EXPIRED = "expired"
    RETURNED = "returned"
    REPLACED = "replaced"
    DESTROYED = "destroyed"


class OrderState(StrEnum):
    """Whether a desk still has to make the card."""

    WAITING = "waiting"
    DONE = "done"
    CANCELLED = "cancelled"


LIVE: Final = frozenset(
    {
        CardState.ACTIVE,
        CardState.SUSPENDED,
        CardState.LOST,
        CardState.STOLEN,
        CardState.DAMAGED,
        CardState.FAULTY,
    }
)
"""States of the card that a holder has: at most one of a product."""

COMING: Final = frozenset({CardState.ORDERED, CardState.PERSONALISED, CardState.DISPATCHED})
"""States of a card that they do not have yet: at most one of a product, beside the one they have,
so that a card is renewed while the old one still works."""


def _in_states(states: Iterable[CardState]) -> str:
    return f"state IN ({', '.join(sorted(repr(state.value) for state in states))})"


_NAMES = JSON().with_variant(JSONB(), "postgresql")
_LIVE = text(_in_states(LIVE))
_COMING = text(_in_states(COMING))
_UID_TAKEN = text("uid_index IS NOT NULL AND state <> 'destroyed'")
_WAITING = text("state = 'waiting'")
_WAITING_UNPAIRED = text("state = 'waiting' AND pairing_id IS NULL")
_OPEN = text("ended_at IS NULL")


class Card(Base, kw_only=True):
    """A card of a holder; `id` is the carrier id that entitlements knows.

    Attributes:
        product: id of the `products.Product` that it is: its face, which is no entitlement.
        strip: colour of the strip that its face shows, where its product has one.
        expires_on: the last day printed on it; None for one from before days were printed.
        sealed_uid, uid_index: of the chip, once one was laid on a reader for this card.
        sealed_crime_reference: that the police gave for its theft.
        key_generations: key (``picc`` or a key number of the application) -> generation of the
            master key that the chip was last confirmed to hold.
        key_rolls: how many generations after the first those are, over all keys: less than what
            `generations.rolls_due` counts, and the card is owed newer keys.
        written_version: version of the holder that the chip was last confirmed to carry.
    """

    __tablename__ = "card"
    __table_args__ = (
        CheckConstraint("(sealed_uid IS NULL) = (uid_index IS NULL)", name="uid_sealed_and_found"),
        CheckConstraint(
            f"NOT ({_in_states(LIVE)}) OR uid_index IS NOT NULL", name="in_use_has_uid"
        ),
        Index(
            "uq_card_live",
            "account_id",
            "product",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index(
            "uq_card_coming",
            "account_id",
            "product",
            unique=True,
            sqlite_where=_COMING,
            postgresql_where=_COMING,
        ),
        Index(
            "uq_card_uid",
            "uid_index",
            unique=True,
            sqlite_where=_UID_TAKEN,
            postgresql_where=_UID_TAKEN,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    state: Mapped[CardState] = mapped_column(default=CardState.ORDERED)
    created_at: Mapped[datetime]
    state_since: Mapped[datetime]
    product: Mapped[str] = mapped_column(String(40), default=KENT_CARD)
    strip: Mapped[str | None] = mapped_column(String(40), default=None)
    expires_on: Mapped[date | None] = mapped_column(default=None, index=True)
    sealed_uid: Mapped[bytes | None] = mapped_column(default=None)
    uid_index: Mapped[bytes | None] = mapped_column(default=None)
    key_generations: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    key_rolls: Mapped[int] = mapped_column(default=0)
    written_version: Mapped[int] = mapped_column(default=-1)
    written_at: Mapped[datetime | None] = mapped_column(default=None)
    sealed_crime_reference: Mapped[bytes | None] = mapped_column(default=None)


class Phone(Base, kw_only=True):
    """The phone on which a resident shows codes; `id` is the carrier id that entitlements knows.

    A code is shown in whatever browser they are signed in with, so this is one for them all. A lost
    one is ended for ever, and the next code begins another. At most one is in use.
    """

    __tablename__ = "phone"
    __table_args__ = (
        Index(
            "uq_phone_in_use",
            "account_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class Terminal(Base, kw_only=True):
    """A reader of the council's or a partner's, known by its public key once it enrolled.

    Attributes:
        services: values of the services it checks.
        purposes: values of what it may do.
        authority: id of the authority whose times apply where it stands.
    """

    __tablename__ = "terminal"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    place: Mapped[str] = mapped_column(String(80))
    authority: Mapped[str] = mapped_column(String(64))
    services: Mapped[list[str]] = mapped_column(_NAMES)
    purposes: Mapped[list[str]] = mapped_column(_NAMES)
    public_key: Mapped[bytes | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    enrolled_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    last_seen_at: Mapped[datetime | None] = mapped_column(default=None)


class EnrolmentCode(Base, kw_only=True):
    """A code that makes one machine a terminal, once. Only its SHA-256 is kept."""

    __tablename__ = "enrolment_code"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class CardOrder(Base, kw_only=True):
    """A card that is to be made; at most one waits at a desk, so a blank finds its order.

    `pairing_id` is of the clerk's browser that the desk's reader serves: no blank of another's is
    taken for it, and each has an order of their own. None at a desk that is paired with nobody.

    Attributes:
        terminal_id: the desk that is to make it; None for a bureau that makes it and posts it.
    """

    __tablename__ = "card_order"
    __table_args__ = (
        Index(
            "uq_card_order_waiting_at_desk",
            "terminal_id",
            unique=True,
            sqlite_where=_WAITING_UNPAIRED,
            postgresql_where=_WAITING_UNPAIRED,
        ),
        Index(
            "uq_card_order_waiting_for_pairing",
            "pairing_id",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    card_id: Mapped[UUID] = mapped_column(ForeignKey("card.id"), index=True)
    terminal_id: Mapped[UUID | None] = mapped_column(ForeignKey("terminal.id"))
    pairing_id: Mapped[UUID | None] = mapped_column(ForeignKey("pairing.id"), default=None)
    state: Mapped[OrderState] = mapped_column(default=OrderState.WAITING)
    ordered_at: Mapped[datetime]
    closed_at: Mapped[datetime | None] = mapped_column(default=None)


class CardSession(Base, kw_only=True):
    """A card session: one terminal, one card, one purpose. At most one is open for a card.

    `code` names the error that ended it, for the log and the staff page.
    """

    __tablename__ = "card_session"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (result IS NULL)", name="ended_with_result"),
        Index(
            "uq_card_session_open",
            "card_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    card_id: Mapped[UUID] = mapped_column(ForeignKey("card.id"), index=True)
    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"))
    purpose: Mapped[Purpose]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[SessionResult | None] = mapped_column(default=None)
    code: Mapped[str | None] = mapped_column(String(64), default=None)


class Tap(Base, kw_only=True):
    """A tap as its terminal journalled it. `digest` tells a repetition from another tap.

    `after_revocation` marks what a revoked terminal sent: kept, and trusted by nobody until a
    member of staff has looked at it. `reason` is a value of `Reason`; the column takes any, so that
    a new reason needs no migration. `batch` is the audit batch that it is sealed in. `repeats`,
    `shown` and `link` are as in `TapEvent`.
    """

    __tablename__ = "tap"
    __table_args__ = (Index("ix_tap_record", "service", "status_index"),)

    terminal_id: Mapped[UUID] = mapped_column(ForeignKey("terminal.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    taken_at: Mapped[datetime] = mapped_column(index=True)
    received_at: Mapped[datetime]
    service: Mapped[Service]
    accepted: Mapped[bool]
    mode: Mapped[Mode]
    reason: Mapped[str | None] = mapped_column(String(40), default=None)
    number: Mapped[int | None] = mapped_column(BigInteger, default=None)
    status_index: Mapped[int | None] = mapped_column(BigInteger, default=None)
    record_sequence: Mapped[int | None] = mapped_column(BigInteger, default=None)
    repeats: Mapped[int | None] = mapped_column(BigInteger, default=None)
    shown: Mapped[bool | None] = mapped_column(default=None)
    link: Mapped[bytes | None] = mapped_column(default=None)
    after_revocation: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[bytes]
    batch: Mapped[int | None] = mapped_column(BigInteger, index=True, default=None)


class TapConflict(Base, kw_only=True):
    """Another tap under a sequence that was taken: kept beside the first, which stays as it was."""

    __tablename__ = "tap_conflict"
    __table_args__ = (
        UniqueConstraint("terminal_id", "sequence", "digest"),
        ForeignKeyConstraint(["terminal_id", "sequence"], ["tap.terminal_id", "tap.sequence"]),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, init=False
    )
    terminal_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    digest: Mapped[bytes]
    event: Mapped[dict[str, Any]]
