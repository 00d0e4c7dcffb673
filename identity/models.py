"""The tables of identity.

A column named `sealed_*` holds text sealed by the `Vault` for exactly that row and column; a column
named `*_index` holds a blind index (32 bytes) that finds equal values and tells nothing else.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.actors import ActorKind
from identity.db import Base, new_id


class AccountState(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    CLOSED = "closed"
    ERASED = "erased"


class DistrictBasis(StrEnum):
    """How the district of an address is known."""

    TABLE = "table"
    CONFIRMED = "confirmed"


class StaffRole(StrEnum):
    """What a member of staff does. A partner's person works for another organisation alone."""

    ADVISER = "adviser"
    CARD_OFFICER = "card-officer"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    PARTNER = "partner"


class RequestKind(StrEnum):
    """What a second person must agree to."""

    CORRECTION = "correction"
    DEATH = "death"
    FALSE_REPORT = "false-report"
    ERASURE = "erasure"
    KEEPING = "keeping"


class RequestState(StrEnum):
    """Whether a second person has decided."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class ErasureBasis(StrEnum):
    """Why a person's record is to be erased."""

    RESIDENT = "resident-asked"
    STAFF = "staff-asked"
    DECEASED = "deceased"
    RESTORED = "restored"


class ErasureState(StrEnum):
    """What became of a request to erase."""

    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    DONE = "done"


class Account(Base, kw_only=True):
    """One resident. `number` is the nine digits they can quote, the last a check digit.

    `address_protected`: where they live is shown only to roles that need it. `email_proved_at`:
    when somebody last used a code that was sent to the e-mail address.
    """

    __tablename__ = "account"
    __table_args__ = (Index("uq_account_mobile_index", "mobile_index", unique=True),)

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
    sealed_mobile: Mapped[bytes | None] = mapped_column(default=None)
    mobile_index: Mapped[bytes | None] = mapped_column(default=None)
    email_proved_at: Mapped[datetime | None] = mapped_column(default=None)


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


class AssurancePart(StrEnum):
    """The five parts of checking who somebody is (GPG 45)."""

    STRENGTH = "strength"
    VALIDITY = "validity"
    ACTIVITY = "activity"
    FRAUD = "fraud"
    VERIFICATION = "verification"


class AssuranceScore(Base, kw_only=True):
    """What one check of who a resident is scored, by whom and how. A later row replaces none.

    `document_id`: the document that was checked, for the parts that are about one.
    `sealed_basis` is JSON of `assurance_records.Basis`: how it was checked, and against what.
    """

    __tablename__ = "assurance_score"
    __table_args__ = (
        CheckConstraint("score >= 0 AND score <= 4", name="from_0_to_4"),
        CheckConstraint(
            "part IN ('activity', 'fraud') OR document_id IS NOT NULL", name="of_a_document"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    document_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("sighted_document.id"), index=True, default=None
    )
    part: Mapped[AssurancePart]
    score: Mapped[int]
    at: Mapped[datetime]
    by_kind: Mapped[ActorKind]
    by_id: Mapped[str] = mapped_column(String(64))
    by_label: Mapped[str] = mapped_column(String(200))
    sealed_basis: Mapped[bytes]


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


class Guardian(Base, kw_only=True):
    """Who answers for a resident who was too young to register alone.

    Attributes:
        account_id: the young resident's.
        guardian_account_id: the guardian's own, if they have one.
        sealed_guardian: JSON of their name and of what makes them the guardian.
    """

    __tablename__ = "guardian"
    __table_args__ = (CheckConstraint("guardian_account_id <> account_id", name="somebody_else"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    guardian_account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("account.id"), index=True, default=None
    )
    sealed_guardian: Mapped[bytes]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[str] = mapped_column(String(64))


class DuplicateOutcome(StrEnum):
    """What somebody found who compared two accounts."""

    DIFFERENT_PEOPLE = "different-people"
    SAME_PERSON = "same-person"


class PossibleDuplicate(Base, kw_only=True):
    """Two accounts that may be one person's: the newer, self-registered one, and one before it.

    Nothing is merged by it: a member of staff compares the two and says what they found.
    """

    __tablename__ = "possible_duplicate"
    __table_args__ = (
        UniqueConstraint("account_id", "other_id"),
        CheckConstraint("account_id <> other_id", name="two_accounts"),
        CheckConstraint(
            "(outcome IS NULL) = (decided_at IS NULL)"
            " AND (outcome IS NULL) = (decided_by_id IS NULL)",
            name="decided_by_somebody",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    other_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    found_at: Mapped[datetime] = mapped_column(index=True)
    outcome: Mapped[DuplicateOutcome | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by_id: Mapped[str | None] = mapped_column(String(64), default=None)


class Erasure(Base, kw_only=True):
    """A person's record is to be erased, or was. It says nothing about the person.

    Attributes:
        due_at: not before then; until then it can be stopped.
        ground: value of a `Ground`, when it was refused.
    """

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended_or_waiting"),
        CheckConstraint("(state = 'refused') = (ground IS NOT NULL)", name="refused_on_a_ground"),
        Index(
            "uq_erasure_waiting",
            "account_id",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    basis: Mapped[ErasureBasis]
    state: Mapped[ErasureState] = mapped_column(default=ErasureState.WAITING)
    asked_at: Mapped[datetime]
    asked_by_kind: Mapped[ActorKind]
    asked_by_id: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ground: Mapped[str | None] = mapped_column(String(40), default=None)


class StaffMember(Base, kw_only=True):
    """Somebody who works with accounts, or for a partner. Residents they serve see their name.

    `sealed_email`: where they are told how their sign-in changed, and sent a code when they forgot
    their password; sealed with the store's own key.
    """

    __tablename__ = "staff_member"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[StaffRole]
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    active: Mapped[bool] = mapped_column(default=True)
    sealed_email: Mapped[bytes | None] = mapped_column(default=None)


class OwnAccount(Base, kw_only=True):
    """The account that a member of staff has as a resident: they may not act for themselves."""

    __tablename__ = "own_account"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)


class OutboxMessage(Base, kw_only=True):
    """A message that waits to be sent, was sent, or was given up.

    Attributes:
        due_at: when the next try is; none once it was sent or given up.
        useful_until: sending it later helps nobody, as with a code that has run out.
        tries: how often sending was begun.
        failed_at: when it was given up, for the reason `failure` (a permanent word).
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        CheckConstraint("(failed_at IS NULL) = (failure IS NULL)", name="failed_for_a_reason"),
        CheckConstraint("delivered_at IS NULL OR failed_at IS NULL", name="sent_or_given_up"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    kind: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(index=True)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None, index=True)
    sealed_to: Mapped[bytes]
    sealed_text: Mapped[bytes]
    due_at: Mapped[datetime | None] = mapped_column(index=True, default=None)
    useful_until: Mapped[datetime | None] = mapped_column(default=None)
    tries: Mapped[int] = mapped_column(server_default="0", default=0)
    failed_at: Mapped[datetime | None] = mapped_column(default=None)
    failure: Mapped[str | None] = mapped_column(String(40), default=None)
