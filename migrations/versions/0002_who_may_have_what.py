"""Who may have what.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "status_list",
        sa.Column(
            "service",
            sa.Enum(
                "identity",
                "library",
                "leisure",
                "travel",
                name="service",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used <= size", name=op.f("ck_status_list_fits")),
        sa.PrimaryKeyConstraint("service", name=op.f("pk_status_list")),
    )
    op.create_table(
        "assessment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("next_change_on", sa.Date(), nullable=True),
        sa.Column("sealed_decision", sa.LargeBinary(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_assessment_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment")),
    )
    op.create_index(op.f("ix_assessment_account_id"), "assessment", ["account_id"], unique=False)
    op.create_index(
        "ix_assessment_due",
        "assessment",
        ["next_change_on"],
        unique=False,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(
        "uq_assessment_current",
        "assessment",
        ["account_id", "scheme"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "entitlement_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=False),
        sa.Column(
            "service",
            sa.Enum(
                "identity",
                "library",
                "leisure",
                "travel",
                name="service",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("entitlement_class", sa.String(length=24), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_reason IS NULL)",
            name=op.f("ck_entitlement_grant_ended_with_reason"),
        ),
        sa.CheckConstraint(
            "valid_until >= valid_from", name=op.f("ck_entitlement_grant_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_entitlement_grant_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement_grant")),
    )
    op.create_index(
        op.f("ix_entitlement_grant_account_id"), "entitlement_grant", ["account_id"], unique=False
    )
    op.create_index(
        "ix_entitlement_grant_due",
        "entitlement_grant",
        ["valid_until"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_entitlement_grant_current",
        "entitlement_grant",
        ["account_id", "scheme"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "holder",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_holder_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_holder")),
    )
    op.create_table(
        "service_number",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "service",
            sa.Enum(
                "identity",
                "library",
                "leisure",
                "travel",
                name="service",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_service_number_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", "service", name=op.f("pk_service_number")),
        sa.UniqueConstraint("service", "number", name=op.f("uq_service_number_service_number")),
    )
    op.create_table(
        "service_record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column(
            "service",
            sa.Enum(
                "identity",
                "library",
                "leisure",
                "travel",
                name="service",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("status_index", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("written_sequence", sa.BigInteger(), nullable=False),
        sa.Column("entitlement_class", sa.String(length=24), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN (0, 1, 2)", name=op.f("ck_service_record_known_status")),
        sa.CheckConstraint("status_index >= 0", name=op.f("ck_service_record_index_in_list")),
        sa.CheckConstraint(
            "written_sequence <= sequence", name=op.f("ck_service_record_written_was_signed")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_service_record_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_record")),
        sa.UniqueConstraint(
            "carrier_id", "service", name=op.f("uq_service_record_carrier_id_service")
        ),
        sa.UniqueConstraint(
            "service", "status_index", name=op.f("uq_service_record_service_status_index")
        ),
    )
    op.create_index(
        op.f("ix_service_record_account_id"), "service_record", ["account_id"], unique=False
    )
    op.create_index(
        "ix_service_record_listed",
        "service_record",
        ["service"],
        unique=False,
        sqlite_where=sa.text("status <> 0 OR NOT held"),
        postgresql_where=sa.text("status <> 0 OR NOT held"),
    )


def downgrade() -> None:
    """Take it down again."""
    op.drop_index(
        "ix_service_record_listed",
        table_name="service_record",
        sqlite_where=sa.text("status <> 0 OR NOT held"),
        postgresql_where=sa.text("status <> 0 OR NOT held"),
    )
    op.drop_index(op.f("ix_service_record_account_id"), table_name="service_record")
    op.drop_table("service_record")
    op.drop_table("service_number")
    op.drop_table("holder")
    op.drop_index(
        "uq_entitlement_grant_current",
        table_name="entitlement_grant",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(
        "ix_entitlement_grant_due",
        table_name="entitlement_grant",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_entitlement_grant_account_id"), table_name="entitlement_grant")
    op.drop_table("entitlement_grant")
    op.drop_index(
        "uq_assessment_current",
        table_name="assessment",
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_index(
        "ix_assessment_due",
        table_name="assessment",
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_index(op.f("ix_assessment_account_id"), table_name="assessment")
    op.drop_table("assessment")
    op.drop_table("status_list")
