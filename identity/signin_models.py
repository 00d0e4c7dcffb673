"""The tables of signing in: sessions, codes, devices, passwords, passkeys and second factors.

Columns are named as `identity.models` says.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    text,
)
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from identity.db import Base, new_id


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
    MOBILE_CODE = "mobile-code"
    ACTIVATION_CODE = "activation-code"


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
    """A code for an e-mail address or a mobile number.

    One that is not known gets a row too, without an account, so that both kinds are counted, used
    up and answered alike. A code is for the browser that asked for it, `device_hash`, so that
    nobody else's tries use it up.
    """

    __tablename__ = "one_time_code"
    __table_args__ = (CheckConstraint("tries >= 0 AND tries <= 5", name="at_most_five_tries"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    contact_index: Mapped[bytes] = mapped_column(index=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"), index=True)
    code_hash: Mapped[bytes]
    device_hash: Mapped[bytes | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)
    consumed_at: Mapped[datetime | None] = mapped_column(default=None)


class PendingRegistration(Base, kw_only=True):
    """A registration under way at one browser. Only the SHA-256 of its cookie is kept.

    Attributes:
        sealed_answers: JSON of what was typed so far, by field; emptied when the account is made.
        proved_at: when the e-mail address among the answers was last proved.
        seen_at: when something was last sent.
        expires_at: when what was typed is forgotten.
        account_id: the account that came of it.
        compared_at: when that was last compared with the accounts before it.
    """

    __tablename__ = "pending_registration"
    __table_args__ = (
        CheckConstraint(
            "(account_id IS NULL) = (finished_at IS NULL)", name="finished_with_account"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    sealed_answers: Mapped[bytes]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    proved_at: Mapped[datetime | None] = mapped_column(default=None)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"), default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    compared_at: Mapped[datetime | None] = mapped_column(default=None)


class ActivationCode(Base, kw_only=True):
    """A code on paper with which a resident claims the account that a desk made for them.

    Only a keyed hash is kept. An account has at most one that may still be used.
    """

    __tablename__ = "activation_code"
    __table_args__ = (
        CheckConstraint("tries >= 0 AND tries <= 5", name="at_most_five_tries"),
        Index(
            "uq_activation_code_open",
            "account_id",
            unique=True,
            sqlite_where=text("used_at IS NULL AND ended_at IS NULL"),
            postgresql_where=text("used_at IS NULL AND ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    given_at: Mapped[datetime]
    given_by_id: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class SignInThrottle(Base, kw_only=True):
    """Failed passwords since the last success, for names that exist and names that do not."""

    __tablename__ = "sign_in_throttle"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures_counted"),)

    subject_hash: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None] = mapped_column(default=None)


class NetworkThrottle(Base, kw_only=True):
    """How much somebody's network, or known device, has failed lately.

    Kept only as a keyed hash, and only until `empty_at`, minutes after the last failure.
    """

    __tablename__ = "network_throttle"

    source_hash: Mapped[bytes] = mapped_column(primary_key=True)
    empty_at: Mapped[datetime] = mapped_column(index=True)


class KnownDevice(Base, kw_only=True):
    """A browser that a resident signed in with. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "known_device"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    device_hash: Mapped[bytes] = mapped_column(primary_key=True, index=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class StaffDevice(Base, kw_only=True):
    """A browser that a member of staff signed in with. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "staff_device"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True)
    device_hash: Mapped[bytes] = mapped_column(primary_key=True, index=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class AccountPassword(Base, kw_only=True):
    """The password of a resident who chose to have one.

    `needs_app`: it is too short to be the only thing they show.
    """

    __tablename__ = "account_password"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime]
    needs_app: Mapped[bool] = mapped_column(default=False)


class Passkey(Base, kw_only=True):
    """A passkey of a resident, or of a member of staff.

    Nothing in it is secret: the private key never left their device.
    """

    __tablename__ = "passkey"
    __table_args__ = (
        CheckConstraint("(account_id IS NULL) <> (staff_id IS NULL)", name="one_owner"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("account.id"), index=True, default=None
    )
    staff_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("staff_member.id"), index=True, default=None
    )
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


class _App(MappedAsDataclass, kw_only=True):
    """What is kept of an authenticator app. `last_step`: the newest 30 seconds used up."""

    sealed_secret: Mapped[bytes]
    last_step: Mapped[int] = mapped_column(BigInteger)
    enrolled_at: Mapped[datetime]


class AccountTotp(_App, Base, kw_only=True):
    """The authenticator app of a resident who chose to have one."""

    __tablename__ = "account_totp"

    owner_id: Mapped[UUID] = mapped_column("account_id", ForeignKey("account.id"), primary_key=True)


class StaffTotp(_App, Base, kw_only=True):
    """The authenticator app of a member of staff."""

    __tablename__ = "staff_totp"

    owner_id: Mapped[UUID] = mapped_column(
        "staff_id", ForeignKey("staff_member.id"), primary_key=True
    )


class _RecoveryCode(MappedAsDataclass, kw_only=True):
    """A code that replaces an authenticator app once. Only its blind index is kept."""

    code_index: Mapped[bytes] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class AccountRecoveryCode(_RecoveryCode, Base, kw_only=True):
    """A recovery code of a resident."""

    __tablename__ = "account_recovery_code"

    owner_id: Mapped[UUID] = mapped_column("account_id", ForeignKey("account.id"), index=True)


class StaffRecoveryCode(_RecoveryCode, Base, kw_only=True):
    """A recovery code of a member of staff."""

    __tablename__ = "staff_recovery_code"

    owner_id: Mapped[UUID] = mapped_column("staff_id", ForeignKey("staff_member.id"), index=True)


class LostFactor(Base, kw_only=True):
    """A resident who lost their app and codes asked to be let in without: not before a day.

    Everybody who reads the account's messages was told, and signing in with the app ends it.
    """

    __tablename__ = "lost_factor"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    asked_at: Mapped[datetime]
    granted_from: Mapped[datetime]


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
