"""Signing in elsewhere: clients of the OpenID provider, consents, grants and their tokens.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "oidc_client",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "public-task",
                "consent",
                name="basis",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "auth",
            sa.Enum(
                "private_key_jwt",
                "client_secret_basic",
                "none",
                name="clientauth",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sector", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "grant_types", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "redirect_uris",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "post_logout_redirect_uris",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("keys", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("backchannel_logout_uri", sa.String(length=2000), nullable=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("id_token_alg", sa.String(length=10), nullable=False),
        sa.Column("pkce_required", sa.Boolean(), nullable=False),
        sa.Column("par_required", sa.Boolean(), nullable=False),
        sa.Column("dpop_required", sa.Boolean(), nullable=False),
        sa.Column("introspects", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(auth = 'client_secret_basic') = (secret_hash IS NOT NULL)",
            name=op.f("ck_oidc_client_secret_if_used"),
        ),
        sa.CheckConstraint(
            "pkce_required OR auth <> 'none'", name=op.f("ck_oidc_client_public_clients_use_pkce")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_client")),
    )
    op.create_table(
        "oidc_spent_id",
        sa.Column(
            "kind",
            sa.Enum(
                "assertion",
                "dpop",
                "access-token",
                name="spentkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest", name=op.f("pk_oidc_spent_id")),
    )
    op.create_index(
        op.f("ix_oidc_spent_id_expires_at"), "oidc_spent_id", ["expires_at"], unique=False
    )
    op.create_table(
        "oidc_consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column(
            "scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_oidc_consent_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oidc_client.id"], name=op.f("fk_oidc_consent_client_id_oidc_client")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_consent")),
    )
    op.create_index(
        op.f("ix_oidc_consent_account_id"), "oidc_consent", ["account_id"], unique=False
    )
    op.create_index(
        "uq_oidc_consent_current",
        "oidc_consent",
        ["account_id", "client_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "oidc_logout_notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("sid", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oidc_client.id"],
            name=op.f("fk_oidc_logout_notice_client_id_oidc_client"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_logout_notice")),
    )
    op.create_index(
        op.f("ix_oidc_logout_notice_due_at"), "oidc_logout_notice", ["due_at"], unique=False
    )
    op.create_table(
        "oidc_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("handle_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "pushed",
                "waiting",
                "logout",
                name="requeststage",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("sealed_parameters", sa.LargeBinary(), nullable=False),
        sa.Column("pushed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oidc_client.id"], name=op.f("fk_oidc_request_client_id_oidc_client")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_request")),
        sa.UniqueConstraint("handle_hash", name=op.f("uq_oidc_request_handle_hash")),
    )
    op.create_index(
        op.f("ix_oidc_request_expires_at"), "oidc_request", ["expires_at"], unique=False
    )
    op.create_table(
        "oidc_subject",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sector", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_oidc_subject_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", "sector", name=op.f("pk_oidc_subject")),
        sa.UniqueConstraint("subject", name=op.f("uq_oidc_subject_subject")),
    )
    op.create_table(
        "oidc_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("sid", sa.String(length=40), nullable=False),
        sa.Column(
            "scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("acr", sa.String(length=20), nullable=False),
        sa.Column("amr", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("logged_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_because", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_oidc_grant_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oidc_client.id"], name=op.f("fk_oidc_grant_client_id_oidc_client")
        ),
        sa.ForeignKeyConstraint(
            ["session_hash"],
            ["session.token_hash"],
            name=op.f("fk_oidc_grant_session_hash_session"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oidc_grant")),
    )
    op.create_index(op.f("ix_oidc_grant_account_id"), "oidc_grant", ["account_id"], unique=False)
    op.create_index(op.f("ix_oidc_grant_client_id"), "oidc_grant", ["client_id"], unique=False)
    op.create_index(
        "ix_oidc_grant_signed_in",
        "oidc_grant",
        ["session_hash"],
        unique=False,
        sqlite_where=sa.text("logged_out_at IS NULL"),
        postgresql_where=sa.text("logged_out_at IS NULL"),
    )
    op.create_table(
        "oidc_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.String(length=2000), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=True),
        sa.Column("nonce", sa.String(length=512), nullable=True),
        sa.Column("dpop_thumbprint", sa.String(length=43), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["oidc_grant.id"], name=op.f("fk_oidc_code_grant_id_oidc_grant")
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_oidc_code")),
    )
    op.create_index(op.f("ix_oidc_code_grant_id"), "oidc_code", ["grant_id"], unique=False)
    op.create_table(
        "oidc_refresh_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("dpop_thumbprint", sa.String(length=43), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["oidc_grant.id"], name=op.f("fk_oidc_refresh_token_grant_id_oidc_grant")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_oidc_refresh_token")),
    )
    op.create_index(
        op.f("ix_oidc_refresh_token_grant_id"), "oidc_refresh_token", ["grant_id"], unique=False
    )


def downgrade() -> None:
    """Take the schema down."""
    op.drop_index(op.f("ix_oidc_refresh_token_grant_id"), table_name="oidc_refresh_token")
    op.drop_table("oidc_refresh_token")
    op.drop_index(op.f("ix_oidc_code_grant_id"), table_name="oidc_code")
    op.drop_table("oidc_code")
    op.drop_index(
        "ix_oidc_grant_signed_in",
        table_name="oidc_grant",
        sqlite_where=sa.text("logged_out_at IS NULL"),
        postgresql_where=sa.text("logged_out_at IS NULL"),
    )
    op.drop_index(op.f("ix_oidc_grant_client_id"), table_name="oidc_grant")
    op.drop_index(op.f("ix_oidc_grant_account_id"), table_name="oidc_grant")
    op.drop_table("oidc_grant")
    op.drop_table("oidc_subject")
    op.drop_index(op.f("ix_oidc_request_expires_at"), table_name="oidc_request")
    op.drop_table("oidc_request")
    op.drop_index(op.f("ix_oidc_logout_notice_due_at"), table_name="oidc_logout_notice")
    op.drop_table("oidc_logout_notice")
    op.drop_index(
        "uq_oidc_consent_current",
        table_name="oidc_consent",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_oidc_consent_account_id"), table_name="oidc_consent")
    op.drop_table("oidc_consent")
    op.drop_index(op.f("ix_oidc_spent_id_expires_at"), table_name="oidc_spent_id")
    op.drop_table("oidc_spent_id")
    op.drop_table("oidc_client")
