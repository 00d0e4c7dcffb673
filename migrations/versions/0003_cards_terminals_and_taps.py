"""Cards, terminals and taps.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "terminal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("place", sa.String(length=80), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column(
            "services", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "purposes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminal")),
        sa.UniqueConstraint("name", name=op.f("uq_terminal_name")),
    )
    op.create_table(
        "card",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "ordered",
                "active",
                "lost",
                "replaced",
                "failed",
                name="cardstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_uid", sa.LargeBinary(), nullable=True),
        sa.Column("uid_index", sa.LargeBinary(), nullable=True),
        sa.Column(
            "key_generations",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
        ),
        sa.Column("written_version", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state NOT IN ('active', 'lost') OR uid_index IS NOT NULL",
            name=op.f("ck_card_in_use_has_uid"),
        ),
        sa.CheckConstraint(
            "(sealed_uid IS NULL) = (uid_index IS NULL)", name=op.f("ck_card_uid_sealed_and_found")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_card_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card")),
    )
    op.create_index(op.f("ix_card_account_id"), "card", ["account_id"], unique=False)
    op.create_index(
        "uq_card_live",
        "card",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('ordered', 'active', 'lost')"),
        postgresql_where=sa.text("state IN ('ordered', 'active', 'lost')"),
    )
    op.create_index(
        "uq_card_uid",
        "card",
        ["uid_index"],
        unique=True,
        sqlite_where=sa.text("uid_index IS NOT NULL AND state <> 'failed'"),
        postgresql_where=sa.text("uid_index IS NOT NULL AND state <> 'failed'"),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_enrolment_code_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrolment_code_code_hash")),
    )
    op.create_index(
        op.f("ix_enrolment_code_terminal_id"), "enrolment_code", ["terminal_id"], unique=False
    )
    op.create_table(
        "tap",
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
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
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum(
                "online",
                "offline",
                name="mode",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("status_index", sa.BigInteger(), nullable=True),
        sa.Column("record_sequence", sa.BigInteger(), nullable=True),
        sa.Column("after_revocation", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_tap_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("terminal_id", "sequence", name=op.f("pk_tap")),
    )
    op.create_index("ix_tap_record", "tap", ["service", "status_index"], unique=False)
    op.create_index(op.f("ix_tap_taken_at"), "tap", ["taken_at"], unique=False)
    op.create_table(
        "card_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "done",
                "cancelled",
                name="orderstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_card_order_card_id_card")),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_card_order_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_order")),
    )
    op.create_index(op.f("ix_card_order_card_id"), "card_order", ["card_id"], unique=False)
    op.create_index(
        "uq_card_order_waiting_at_desk",
        "card_order",
        ["terminal_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "card_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "validate",
                "update",
                "personalise",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "result",
            sa.Enum(
                "done",
                "nothing-owed",
                "no-order",
                "unknown-card",
                "card-failed",
                "broken-off",
                "timed-out",
                "refused",
                name="sessionresult",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (result IS NULL)", name=op.f("ck_card_session_ended_with_result")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["card.id"], name=op.f("fk_card_session_card_id_card")
        ),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_card_session_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_session")),
    )
    op.create_index(op.f("ix_card_session_card_id"), "card_session", ["card_id"], unique=False)
    op.create_index(
        "uq_card_session_open",
        "card_session",
        ["card_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "tap_conflict",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "event", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["terminal_id", "sequence"],
            ["tap.terminal_id", "tap.sequence"],
            name=op.f("fk_tap_conflict_terminal_id_sequence_tap"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tap_conflict")),
        sa.UniqueConstraint(
            "terminal_id",
            "sequence",
            "digest",
            name=op.f("uq_tap_conflict_terminal_id_sequence_digest"),
        ),
    )


def downgrade() -> None:
    """Take it down again."""
    op.drop_table("tap_conflict")
    op.drop_index(
        "uq_card_session_open",
        table_name="card_session",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_card_session_card_id"), table_name="card_session")
    op.drop_table("card_session")
    op.drop_index(
        "uq_card_order_waiting_at_desk",
        table_name="card_order",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(op.f("ix_card_order_card_id"), table_name="card_order")
    op.drop_table("card_order")
    op.drop_index(op.f("ix_tap_taken_at"), table_name="tap")
    op.drop_index("ix_tap_record", table_name="tap")
    op.drop_table("tap")
    op.drop_index(op.f("ix_enrolment_code_terminal_id"), table_name="enrolment_code")
    op.drop_table("enrolment_code")
    op.drop_index(
        "uq_card_uid",
        table_name="card",
        sqlite_where=sa.text("uid_index IS NOT NULL AND state <> 'failed'"),
        postgresql_where=sa.text("uid_index IS NOT NULL AND state <> 'failed'"),
    )
    op.drop_index(
        "uq_card_live",
        table_name="card",
        sqlite_where=sa.text("state IN ('ordered', 'active', 'lost')"),
        postgresql_where=sa.text("state IN ('ordered', 'active', 'lost')"),
    )
    op.drop_index(op.f("ix_card_account_id"), table_name="card")
    op.drop_table("card")
    op.drop_table("terminal")
