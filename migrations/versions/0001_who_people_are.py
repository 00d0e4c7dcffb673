"""Who people are.

Revision: 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "active",
                "closed",
                name="accountstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_given_names", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_family_name", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_birth_date", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_email", sa.LargeBinary(), nullable=True),
        sa.Column("full_name_index", sa.LargeBinary(), nullable=False),
        sa.Column("family_name_index", sa.LargeBinary(), nullable=False),
        sa.Column("birth_date_index", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email_index", name=op.f("uq_account_email_index")),
        sa.UniqueConstraint("number", name=op.f("uq_account_number")),
    )
    op.create_index(
        op.f("ix_account_birth_date_index"), "account", ["birth_date_index"], unique=False
    )
    op.create_index(
        op.f("ix_account_family_name_index"), "account", ["family_name_index"], unique=False
    )
    op.create_index(
        op.f("ix_account_full_name_index"), "account", ["full_name_index"], unique=False
    )
    op.create_table(
        "audit_row",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column(
            "actor_kind",
            sa.Enum(
                "resident",
                "staff",
                "terminal",
                "partner",
                "system",
                name="actorkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("actor_label", sa.String(length=200), nullable=False),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_row")),
    )
    op.create_index(op.f("ix_audit_row_at"), "audit_row", ["at"], unique=False)
    op.create_index(op.f("ix_audit_row_subject"), "audit_row", ["subject"], unique=False)
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_to", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
    )
    op.create_index(
        op.f("ix_outbox_message_created_at"), "outbox_message", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_outbox_message_delivered_at"), "outbox_message", ["delivered_at"], unique=False
    )
    op.create_table(
        "sign_in_throttle",
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_sign_in_throttle_failures_counted")),
        sa.PrimaryKeyConstraint("subject_hash", name=op.f("pk_sign_in_throttle")),
    )
    op.create_table(
        "staff_member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "adviser",
                "card-officer",
                "supervisor",
                "auditor",
                "administrator",
                name="staffrole",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_member")),
        sa.UniqueConstraint("username", name=op.f("uq_staff_member_username")),
    )
    op.create_table(
        "address",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("district_code", sa.String(length=9), nullable=False),
        sa.Column(
            "district_basis",
            sa.Enum(
                "table",
                "confirmed",
                name="districtbasis",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sealed_confirmation_reason", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_lines", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_postcode", sa.LargeBinary(), nullable=False),
        sa.Column("postcode_index", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "district_basis = 'table' OR sealed_confirmation_reason IS NOT NULL",
            name=op.f("ck_address_confirmed_with_reason"),
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_address_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_address_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
    )
    op.create_index(op.f("ix_address_account_id"), "address", ["account_id"], unique=False)
    op.create_index(op.f("ix_address_district_code"), "address", ["district_code"], unique=False)
    op.create_index(op.f("ix_address_postcode_index"), "address", ["postcode_index"], unique=False)
    op.create_index(
        "uq_address_current",
        "address",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("valid_to IS NULL"),
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "one_time_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "tries >= 0 AND tries <= 5", name=op.f("ck_one_time_code_at_most_five_tries")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_one_time_code_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_code")),
    )
    op.create_index(
        op.f("ix_one_time_code_email_index"), "one_time_code", ["email_index"], unique=False
    )
    op.create_table(
        "record_read",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "actor_kind",
            sa.Enum(
                "resident",
                "staff",
                "terminal",
                "partner",
                "system",
                name="actorkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("actor_label", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_record_read_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_read")),
    )
    op.create_index(op.f("ix_record_read_account_id"), "record_read", ["account_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "resident",
                "staff",
                name="sessionkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("absolute_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'resident' AND account_id IS NOT NULL AND staff_id IS NULL)"
            " OR (kind = 'staff'"
            " AND staff_id IS NOT NULL AND account_id IS NULL)",
            name=op.f("ck_session_one_subject"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_session_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_session_staff_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"], unique=False)
    op.create_index(op.f("ix_session_staff_id"), "session", ["staff_id"], unique=False)
    op.create_table(
        "sighted_document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sighted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "sighted_by_kind",
            sa.Enum(
                "resident",
                "staff",
                "terminal",
                "partner",
                "system",
                name="actorkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("sighted_by_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_particulars", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_sighted_document_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sighted_document")),
    )
    op.create_index(
        op.f("ix_sighted_document_account_id"), "sighted_document", ["account_id"], unique=False
    )


def downgrade() -> None:
    """Take it down again."""
    op.drop_index(op.f("ix_sighted_document_account_id"), table_name="sighted_document")
    op.drop_table("sighted_document")
    op.drop_index(op.f("ix_session_staff_id"), table_name="session")
    op.drop_index(op.f("ix_session_account_id"), table_name="session")
    op.drop_table("session")
    op.drop_index(op.f("ix_record_read_account_id"), table_name="record_read")
    op.drop_table("record_read")
    op.drop_index(op.f("ix_one_time_code_email_index"), table_name="one_time_code")
    op.drop_table("one_time_code")
    op.drop_index(
        "uq_address_current",
        table_name="address",
        sqlite_where=sa.text("valid_to IS NULL"),
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.drop_index(op.f("ix_address_postcode_index"), table_name="address")
    op.drop_index(op.f("ix_address_district_code"), table_name="address")
    op.drop_index(op.f("ix_address_account_id"), table_name="address")
    op.drop_table("address")
    op.drop_table("staff_member")
    op.drop_table("sign_in_throttle")
    op.drop_index(op.f("ix_outbox_message_delivered_at"), table_name="outbox_message")
    op.drop_index(op.f("ix_outbox_message_created_at"), table_name="outbox_message")
    op.drop_table("outbox_message")
    op.drop_index(op.f("ix_audit_row_subject"), table_name="audit_row")
    op.drop_index(op.f("ix_audit_row_at"), table_name="audit_row")
    op.drop_table("audit_row")
    op.drop_index(op.f("ix_account_full_name_index"), table_name="account")
    op.drop_index(op.f("ix_account_family_name_index"), table_name="account")
    op.drop_index(op.f("ix_account_birth_date_index"), table_name="account")
    op.drop_table("account")
