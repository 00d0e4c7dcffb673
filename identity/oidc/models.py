"""The tables of the OpenID provider. Of every secret that was given out only a SHA-256 is kept."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id

_TEXTS = JSON().with_variant(JSONB(), "postgresql")
_CLIENT = "oidc_client.id"
_GRANT = "oidc_grant.id"


class Basis(StrEnum):
    """Why a client may be told about a resident (UK GDPR Article 6)."""

    PUBLIC_TASK = "public-task"
    CONSENT = "consent"


class ClientAuth(StrEnum):
    """How a client proves who it is."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105  (a word, not a secret)
    NONE = "none"


class RequestStage(StrEnum):
    """What a stored request waits for."""

    PUSHED = "pushed"
    WAITING = "waiting"
    LOGOUT = "logout"


class SpentKind(StrEnum):
    """What an identifier that may not be used again belonged to."""

    ASSERTION = "assertion"
    DPOP = "dpop"
    ACCESS_TOKEN = "access-token"  # noqa: S105  (a word, not a secret)


class OidcClient(Base, kw_only=True):
    """A site or service that residents sign in to, or that asks on its own behalf."""

    __tablename__ = "oidc_client"
    __table_args__ = (
        CheckConstraint(
            "(auth = 'client_secret_basic') = (secret_hash IS NOT NULL)", name="secret_if_used"
        ),
        CheckConstraint(
            "pkce_required OR auth <> 'none'",
            name="public_clients_use_pkce",
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    basis: Mapped[Basis]
    auth: Mapped[ClientAuth]
    sector: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
    grant_types: Mapped[list[str]] = mapped_column(_TEXTS)
    scopes: Mapped[list[str]] = mapped_column(_TEXTS)
    redirect_uris: Mapped[list[str]] = mapped_column(_TEXTS)
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(_TEXTS)
    keys: Mapped[list[dict[str, str]]] = mapped_column(_TEXTS)
    backchannel_logout_uri: Mapped[str | None] = mapped_column(String(2000), default=None)
    secret_hash: Mapped[bytes | None] = mapped_column(default=None)
    id_token_alg: Mapped[str] = mapped_column(String(10), default="ES256")
    pkce_required: Mapped[bool] = mapped_column(default=True)
    par_required: Mapped[bool] = mapped_column(default=False)
    dpop_required: Mapped[bool] = mapped_column(default=False)
    introspects: Mapped[bool] = mapped_column(default=False)
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)


class OidcSubject(Base, kw_only=True):
    """The name under which one sector of clients knows a resident. Random, permanent."""

    __tablename__ = "oidc_subject"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    sector: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), unique=True)


class OidcConsent(Base, kw_only=True):
    """A resident agreed that a partner may be told; kept after it is withdrawn or replaced."""

    __tablename__ = "oidc_consent"
    __table_args__ = (
        Index(
            "uq_oidc_consent_current",
            "account_id",
            "client_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    client_id: Mapped[str] = mapped_column(ForeignKey(_CLIENT))
    scopes: Mapped[list[str]] = mapped_column(_TEXTS)
    given_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class OidcRequest(Base, kw_only=True):
    """A request that waits. Its parameters are sealed: a login hint is an e-mail address."""

    __tablename__ = "oidc_request"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    handle_hash: Mapped[bytes] = mapped_column(unique=True)
    stage: Mapped[RequestStage]
    client_id: Mapped[str | None] = mapped_column(ForeignKey(_CLIENT))
    sealed_parameters: Mapped[bytes]
    pushed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    consumed_at: Mapped[datetime | None] = mapped_column(default=None)


class OidcGrant(Base, kw_only=True):
    """One sign-in of a resident to a client: the family of every token that follows from it.

    `sid` names the sign-in session to the client; `logged_out_at` says that the client was told
    (or needed not be) that this session ended.
    """

    __tablename__ = "oidc_grant"
    __table_args__ = (
        Index(
            "ix_oidc_grant_signed_in",
            "session_hash",
            sqlite_where=text("logged_out_at IS NULL"),
            postgresql_where=text("logged_out_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    client_id: Mapped[str] = mapped_column(ForeignKey(_CLIENT), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    session_hash: Mapped[bytes] = mapped_column(ForeignKey("session.token_hash"))
    subject: Mapped[str] = mapped_column(String(40))
    sid: Mapped[str] = mapped_column(String(40))
    scopes: Mapped[list[str]] = mapped_column(_TEXTS)
    acr: Mapped[str] = mapped_column(String(20))
    amr: Mapped[list[str]] = mapped_column(_TEXTS)
    signed_in_at: Mapped[datetime]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    logged_out_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_because: Mapped[str | None] = mapped_column(String(40), default=None)


class OidcCode(Base, kw_only=True):
    """An authorization code: once, within a minute, for whoever holds the verifier."""

    __tablename__ = "oidc_code"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey(_GRANT), index=True)
    redirect_uri: Mapped[str] = mapped_column(String(2000))
    challenge: Mapped[str | None] = mapped_column(String(43))
    nonce: Mapped[str | None] = mapped_column(String(512))
    dpop_thumbprint: Mapped[str | None] = mapped_column(String(43))
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None] = mapped_column(default=None)


class OidcRefreshToken(Base, kw_only=True):
    """A refresh token of a grant's family: once, and its successor takes its place."""

    __tablename__ = "oidc_refresh_token"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey(_GRANT), index=True)
    dpop_thumbprint: Mapped[str | None] = mapped_column(String(43))
    created_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None] = mapped_column(default=None)


class OidcSpentId(Base, kw_only=True):
    """An identifier that must not be accepted (again) while its token could still be valid."""

    __tablename__ = "oidc_spent_id"

    kind: Mapped[SpentKind] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class OidcLogoutNotice(Base, kw_only=True):
    """A client is to be told that a session ended; a worker tells it."""

    __tablename__ = "oidc_logout_notice"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    client_id: Mapped[str] = mapped_column(ForeignKey(_CLIENT))
    subject: Mapped[str] = mapped_column(String(40))
    sid: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
