"""Partners ask about cards and redeem offers.

Revision: 0019, after 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0015"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_KINDS = _one_of("credentialkind", "live", "sandbox")


def upgrade() -> None:
    """Bring the schema up."""
    _create_organisation()


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
    for table in ("partner_credential", "organisation_scheme", "organisation"):
        op.drop_table(table)
