"""Partners ask about cards and redeem offers.

Revision: 0019, after 0018.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_KINDS = _one_of("credentialkind", "live", "sandbox")
_STATES = _one_of("redemptionstate", "held", "confirmed", "cancelled")


def _time(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_organisation(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id"],
        ["organisation.id"],
        name=op.f(f"fk_{table}_organisation_id_organisation"),
    )


def upgrade() -> None:
    """Bring the schema up."""
    _create_organisation()
    _create_carrier_face()
    _create_redemption()
    _create_counts()


def _create_carrier_face() -> None:
    op.create_table(
        "carrier_face",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("sealed_code", sa.LargeBinary(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        _time("announced_at"),
        sa.CheckConstraint("status IN (0, 1, 2)", name=op.f("ck_carrier_face_known_status")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_carrier_face_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_face")),
        sa.UniqueConstraint("number", name=op.f("uq_carrier_face_number")),
    )
    op.create_index(op.f("ix_carrier_face_account_id"), "carrier_face", ["account_id"])


def _create_redemption() -> None:
    op.create_table(
        "partner_subject",
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("test_card", sa.BigInteger(), nullable=True),
        _time("told_at"),
        sa.CheckConstraint(
            "(account_id IS NULL) <> (test_card IS NULL)",
            name=op.f("ck_partner_subject_resident_or_test_card"),
        ),
        _of_organisation("partner_subject"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_partner_subject_account_id_account")
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_partner_subject")),
        sa.UniqueConstraint(
            "organisation_id",
            "account_id",
            name=op.f("uq_partner_subject_organisation_id_account_id"),
        ),
        sa.UniqueConstraint(
            "organisation_id",
            "test_card",
            name=op.f("uq_partner_subject_organisation_id_test_card"),
        ),
    )
    op.create_index(op.f("ix_partner_subject_account_id"), "partner_subject", ["account_id"])
    op.create_table(
        "redemption",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("state", _STATES, nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("percent_off", sa.Integer(), nullable=False),
        sa.Column("companions", sa.Integer(), nullable=False),
        _time("held_at"),
        _time("expires_at"),
        _time("ended_at", nullable=True),
        sa.CheckConstraint(
            "percent_off >= 0 AND percent_off <= 100", name=op.f("ck_redemption_percentage")
        ),
        sa.CheckConstraint("companions >= 0", name=op.f("ck_redemption_companions_counted")),
        sa.CheckConstraint(
            "(state = 'held') = (ended_at IS NULL)", name=op.f("ck_redemption_ended_at_a_time")
        ),
        _of_organisation("redemption"),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["partner_subject.subject"],
            name=op.f("fk_redemption_subject_partner_subject"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption")),
    )
    op.create_index(op.f("ix_redemption_organisation_id"), "redemption", ["organisation_id"])
    op.create_index(op.f("ix_redemption_held_at"), "redemption", ["held_at"])
    op.create_index("ix_redemption_used", "redemption", ["subject", "scheme", "year"])


def _create_counts() -> None:
    op.create_table(
        "partner_answered_key",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _KINDS, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _time("answered_at"),
        _of_organisation("partner_answered_key"),
        sa.PrimaryKeyConstraint(
            "organisation_id", "kind", "key", name=op.f("pk_partner_answered_key")
        ),
    )
    op.create_index(
        op.f("ix_partner_answered_key_answered_at"), "partner_answered_key", ["answered_at"]
    )
    op.create_table(
        "partner_usage",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _KINDS, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        _of_organisation("partner_usage"),
        sa.PrimaryKeyConstraint(
            "organisation_id", "kind", "day", "what", name=op.f("pk_partner_usage")
        ),
    )
    op.create_table(
        "partner_shown_pass",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        _time("expires_at"),
        _of_organisation("partner_shown_pass"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_partner_shown_pass")),
    )
    op.create_index(op.f("ix_partner_shown_pass_expires_at"), "partner_shown_pass", ["expires_at"])


def _create_organisation() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("name", name=op.f("uq_organisation_name")),
    )
    op.create_table(
        "organisation_scheme",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=False),
        sa.Column("tells_band", sa.Boolean(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_organisation_scheme_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "scheme", name=op.f("pk_organisation_scheme")),
    )
    op.create_table(
        "partner_credential",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _KINDS, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stops_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "replaced_at IS NULL OR stops_at IS NOT NULL",
            name=op.f("ck_partner_credential_what_is_replaced_stops"),
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oidc_client.id"],
            name=op.f("fk_partner_credential_client_id_oidc_client"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_partner_credential_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_partner_credential")),
    )
    op.create_index(
        op.f("ix_partner_credential_organisation_id"), "partner_credential", ["organisation_id"]
    )
    op.create_index(
        "uq_partner_credential_current",
        "partner_credential",
        ["organisation_id", "kind"],
        unique=True,
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    )


def downgrade() -> None:
    """Take it down again; what partners asked and redeemed is lost."""
    for table in (
        *("partner_shown_pass", "partner_usage", "partner_answered_key"),
        *("redemption", "partner_subject", "carrier_face"),
        *("partner_credential", "organisation_scheme", "organisation"),
    ):
        op.drop_table(table)
