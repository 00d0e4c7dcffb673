"""The tables of identity.

A column named `sealed_*` holds text sealed by the `Vault` for exactly that row and column; a column
named `*_index` holds a blind index (32 bytes) that finds equal values and tells nothing else.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.actors import ActorKind
from identity.append_only import protect
from identity.db import Base, new_id


class AccountState(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    CLOSED = "closed"


class DistrictBasis(StrEnum):
    """How the district of an address is known."""

    TABLE = "table"
    CONFIRMED = "confirmed"


class StaffRole(StrEnum):
    """What a member of staff does."""

    ADVISER = "adviser"
    CARD_OFFICER = "card-officer"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class RequestKind(StrEnum):
    """What a second person must agree to."""

    CORRECTION = "correction"
    DEATH = "death"
    FALSE_REPORT = "false-report"


class RequestState(StrEnum):
    """Whether a second person has decided."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class SessionKind(StrEnum):
    """Who is signed in."""

    RESIDENT = "resident"
    STAFF = "staff"


class SignInMethod(StrEnum):
    """By what somebody showed who they are."""

    PASSWORD = "password"  # noqa: S105  (a word, not one of them)
    APP = "app"
    RECOVERY_CODE = "recovery-code"
    EMAIL_CODE = "email-code"
    PASSKEY = "passkey"


class Account(Base, kw_only=True):
    """One resident. `number` is the nine digits they can quote, the last a check digit.

    `address_protected`: where they live is shown only to roles that need it.
    """

    __tablename__ = "account"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    number: Mapped[str] = mapped_column(String(9), unique=True)
    state: Mapped[AccountState] = mapped_column(default=AccountState.ACTIVE)
    created_at: Mapped[datetime]
    sealed_given_names: Mapped[bytes]
    sealed_family_name: Mapped[bytes]
    sealed_birth_date: Mapped[bytes]
    sealed_email: Mapped[bytes | None] = mapped_column(default=None)
    birth_date_index: Mapped[bytes] = mapped_column(index=True)
    email_index: Mapped[bytes | None] = mapped_column(unique=True, default=None)
    address_protected: Mapped[bool] = mapped_column(server_default=false(), default=False)


class PersonKey(Base, kw_only=True):
    """The key that seals what belongs to one person, itself sealed by the key store's `data` key.

    Without it nothing of theirs can be opened, here or in a copy: destroying it is erasure.

    Attributes:
        sealed_key: none once it was destroyed.
        generation: of the `data` key that seals it.
        index_generation: of the `index` key that all of the person's blind indexes are made with;
            0 while their columns still wait to be sealed with this key.
    """

    __tablename__ = "person_key"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    sealed_key: Mapped[bytes | None]
    generation: Mapped[int] = mapped_column(index=True)
    index_generation: Mapped[int] = mapped_column(index=True, default=0)


class NamePart(Base, kw_only=True):
    """A resident has a word in their name. `part` is a blind index of the word, cut to 16 bytes."""

    __tablename__ = "name_part"

    part: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True, index=True)


class NameForm(Base, kw_only=True):
    """A form (mistyped, begun or heard) under which a word is found, both as blind indexes.

    Each word has its forms once, however many residents bear it.
    """

    __tablename__ = "name_form"

    form: Mapped[bytes] = mapped_column(primary_key=True)
    part: Mapped[bytes] = mapped_column(primary_key=True, index=True)


class Address(Base, kw_only=True):
    """Where a resident lives or lived. `valid_to` is the last day; none for the current address."""

    __tablename__ = "address"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="ends_after_start"),
        CheckConstraint(
            "district_basis = 'table' OR sealed_confirmation_reason IS NOT NULL",
            name="confirmed_with_reason",
        ),
        Index(
            "uq_address_current",
            "account_id",
            unique=True,
            sqlite_where=text("valid_to IS NULL"),
            postgresql_where=text("valid_to IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)
    district_code: Mapped[str] = mapped_column(String(9), index=True)
    district_basis: Mapped[DistrictBasis]
    sealed_confirmation_reason: Mapped[bytes | None] = mapped_column(default=None)
    sealed_lines: Mapped[bytes]
    sealed_postcode: Mapped[bytes]
    postcode_index: Mapped[bytes] = mapped_column(index=True)


class SightedDocument(Base, kw_only=True):
    """A document somebody saw. What it was is sealed too: a benefit letter says who is ill."""

    __tablename__ = "sighted_document"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    sighted_at: Mapped[datetime]
    sighted_by_kind: Mapped[ActorKind]
    sighted_by_id: Mapped[str] = mapped_column(String(64))
    sealed_particulars: Mapped[bytes]


class ChangeRequest(Base, kw_only=True):
    """A change to an account that one member of staff asks for and another decides.

    `sealed_asked` is JSON of what is asked, `sealed_reason` why it was refused.
    """

    __tablename__ = "change_request"
    __table_args__ = (
        CheckConstraint("decided_by_id <> asked_by_id", name="second_person"),
        CheckConstraint(
            "(state = 'waiting') = (decided_by_id IS NULL)", name="decided_by_somebody"
        ),
        CheckConstraint(
            "(state = 'refused') = (sealed_reason IS NOT NULL)", name="refused_with_reason"
        ),
        Index(
            "uq_change_request_waiting",
            "account_id",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    kind: Mapped[RequestKind]
    state: Mapped[RequestState] = mapped_column(default=RequestState.WAITING)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    asked_by_id: Mapped[str] = mapped_column(String(64))
    asked_by_label: Mapped[str] = mapped_column(String(200))
    sealed_asked: Mapped[bytes]
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by_id: Mapped[str | None] = mapped_column(String(64), default=None)
    sealed_reason: Mapped[bytes | None] = mapped_column(default=None)


class StaffMember(Base, kw_only=True):
    """Somebody who works with accounts. Their name is shown to the residents they serve."""

    __tablename__ = "staff_member"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[StaffRole]
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    active: Mapped[bool] = mapped_column(default=True)


class Session(Base, kw_only=True):
    """A sign-in that lasts. Only the SHA-256 of its token is kept.

    `id` stays when the token is exchanged. `methods` are `SignInMethod` values with spaces between
    them; `proved_at` is when the newest of them was shown.
    """

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'resident' AND account_id IS NOT NULL AND staff_id IS NULL)"
            " OR (kind = 'staff' AND staff_id IS NOT NULL AND account_id IS NULL)",
            name="one_subject",
        ),
        Index(
            "uq_session_open",
            "id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(default_factory=new_id)
    kind: Mapped[SessionKind]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"), index=True)
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"), index=True)
    browser: Mapped[str] = mapped_column(String(60), default="")
    methods: Mapped[str] = mapped_column(String(100), default="")
    opened_at: Mapped[datetime]
    proved_at: Mapped[datetime]
    idle_until: Mapped[datetime]
    absolute_until: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class OneTimeCode(Base, kw_only=True):
    """A code for an address.

    An unknown address gets a row too, without an account, so that both kinds are counted, used up
    and answered alike.
    """

    __tablename__ = "one_time_code"
    __table_args__ = (CheckConstraint("tries >= 0 AND tries <= 5", name="at_most_five_tries"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    email_index: Mapped[bytes] = mapped_column(index=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    code_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)
    consumed_at: Mapped[datetime | None] = mapped_column(default=None)


class SignInThrottle(Base, kw_only=True):
    """Failed passwords since the last success, for names that exist and names that do not."""

    __tablename__ = "sign_in_throttle"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures_counted"),)

    subject_hash: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None] = mapped_column(default=None)


class KnownDevice(Base, kw_only=True):
    """A browser that a resident signed in with. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "known_device"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    device_hash: Mapped[bytes] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class AccountPassword(Base, kw_only=True):
    """The password of a resident who chose to have one."""

    __tablename__ = "account_password"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime]


class Passkey(Base, kw_only=True):
    """A passkey of a resident. Nothing in it is secret: the private key never left their device."""

    __tablename__ = "passkey"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)


class SpentChallenge(Base, kw_only=True):
    """A challenge that a passkey answered: no answer to it is accepted again."""

    __tablename__ = "spent_challenge"

    challenge_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class StaffTotp(Base, kw_only=True):
    """The authenticator app of a member of staff. `last_step`: the newest 30 seconds used up."""

    __tablename__ = "staff_totp"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True)
    sealed_secret: Mapped[bytes]
    last_step: Mapped[int] = mapped_column(BigInteger)
    enrolled_at: Mapped[datetime]


class StaffRecoveryCode(Base, kw_only=True):
    """A code that replaces the authenticator app once. Only its blind index is kept."""

    __tablename__ = "staff_recovery_code"

    code_index: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class StaffSignIn(Base, kw_only=True):
    """A sign-in whose password was right and whose second factor has not been shown yet.

    It opens no page. Of somebody without an authenticator app it holds the one they are offered,
    sealed; `confirmed_step` says that a code of that app was right.
    """

    __tablename__ = "staff_sign_in"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    expires_at: Mapped[datetime]
    sealed_offer: Mapped[bytes | None] = mapped_column(default=None)
    confirmed_step: Mapped[int | None] = mapped_column(BigInteger, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class OutboxMessage(Base, kw_only=True):
    """A message that waits to be sent, or was."""

    __tablename__ = "outbox_message"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    kind: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(index=True)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None, index=True)
    sealed_to: Mapped[bytes]
    sealed_text: Mapped[bytes]


class ChainHead(Base, kw_only=True):
    """Where a hash chain ends. Its row is also the lock of whoever writes the chain."""

    __tablename__ = "chain_head"

    chain: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditRow(Base, kw_only=True):
    """One thing that was done. Rows are added, never changed and never removed.

    `id` counts the rows of the chain `acts` from 1; `hash` covers the row and all before it.
    """

    __tablename__ = "audit_row"
    __table_args__ = (CheckConstraint("length(hash) = 32", name="chained"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(120), index=True)
    actor_kind: Mapped[ActorKind]
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_label: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
    hash: Mapped[bytes]


class AuditBatch(Base, kw_only=True):
    """Rows of a stream such as taps, sealed together: `digest` covers the rows as they were.

    `number` counts the batches of the stream from 1; `hash` covers this batch and all before it.
    """

    __tablename__ = "audit_batch"
    __table_args__ = (
        CheckConstraint("length(hash) = 32", name="chained"),
        CheckConstraint("row_count > 0", name="holds_rows"),
    )

    stream: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    row_count: Mapped[int]
    digest: Mapped[bytes]
    hash: Mapped[bytes]


class AuditCheckpoint(Base, kw_only=True):
    """Where every chain ended at a moment, signed: `signed` is a line of JSON to keep elsewhere."""

    __tablename__ = "audit_checkpoint"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    at: Mapped[datetime] = mapped_column(index=True)
    signed: Mapped[str] = mapped_column(Text)


class RecordRead(Base, kw_only=True):
    """Somebody looked at a resident's record. The resident can see that they did, and why."""

    __tablename__ = "record_read"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    at: Mapped[datetime]
    actor_kind: Mapped[ActorKind]
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_label: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(200))


for _kept in (AuditRow, AuditBatch, AuditCheckpoint):
    if isinstance(_kept.__table__, Table):  # always; the attribute's type says less
        protect(_kept.__table__)
