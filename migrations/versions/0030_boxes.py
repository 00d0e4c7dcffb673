"""Terminals are set up from afar and say how they are; bus passes are linked to accounts.

Revision: 0030, after 0023.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_WORDS = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "linked_bus_pass",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_isrn", sa.LargeBinary(), nullable=False),
        sa.Column("isrn_index", sa.LargeBinary(), nullable=False),
        sa.Column("read", sa.Boolean(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_linked_bus_pass_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_linked_bus_pass")),
        sa.UniqueConstraint("isrn_index", name=op.f("uq_linked_bus_pass_isrn_index")),
    )
    op.create_index(op.f("ix_linked_bus_pass_account_id"), "linked_bus_pass", ["account_id"])
    op.create_table(
        "terminal_set_up",
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("product", sa.String(length=32), nullable=False),
        sa.Column("settings", _WORDS, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_terminal_set_up_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_terminal_set_up")),
    )
    op.create_table(
        "terminal_health",
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_off_seconds", sa.Integer(), nullable=False),
        sa.Column("report", _WORDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_terminal_health_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_terminal_health")),
    )
    op.create_table(
        "desk_tap",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pairing_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("sealed_pass", sa.LargeBinary(), nullable=True),
        sa.Column("tapped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(account_id IS NULL) <> (sealed_pass IS NULL)",
            name=op.f("ck_desk_tap_holder_or_pass"),
        ),
        sa.ForeignKeyConstraint(
            ["pairing_id"], ["pairing.id"], name=op.f("fk_desk_tap_pairing_id_pairing")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_desk_tap_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_tap")),
    )
    for column in ("pairing_id", "account_id", "tapped_at"):
        op.create_index(op.f(f"ix_desk_tap_{column}"), "desk_tap", [column])


def downgrade() -> None:
    """Take it down again: links are lost, and terminals work as every terminal does."""
    op.drop_table("desk_tap")
    op.drop_table("terminal_health")
    op.drop_table("terminal_set_up")
    op.drop_table("linked_bus_pass")
