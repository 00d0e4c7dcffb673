"""Taps say whether they were shown and carry a chain; what does not add up waits for staff.

Of taps from before it is not known whether they were shown, and they carry no link.

Revision: 0029, after 0028.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("tap", sa.Column("repeats", sa.BigInteger(), nullable=True))
    op.add_column("tap", sa.Column("shown", sa.Boolean(), nullable=True))
    op.add_column("tap", sa.Column("link", sa.LargeBinary(), nullable=True))
    op.add_column(
        "service_record",
        sa.Column(
            "lessened_at_sequence", sa.BigInteger(), nullable=False, server_default=sa.text("0")
        ),
    )
    op.create_table(
        "tap_finding",
        sa.Column("id", _ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "duplicate",
                "gap",
                "broken-chain",
                "clock-drift",
                "impossible-travel",
                name="findingkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("other_terminal_id", sa.Uuid(), nullable=True),
        sa.Column("other_sequence", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.BigInteger(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (note IS NULL) AND (closed_at IS NULL) = (closed_by IS NULL)",
            name=op.f("ck_tap_finding_closed_with_note"),
        ),
        sa.CheckConstraint("first_sequence <= last_sequence", name=op.f("ck_tap_finding_in_order")),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_tap_finding_terminal_id_terminal")
        ),
        sa.ForeignKeyConstraint(
            ["other_terminal_id"],
            ["terminal.id"],
            name=op.f("fk_tap_finding_other_terminal_id_terminal"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tap_finding")),
    )
    op.create_index(
        "uq_tap_finding_of_taps",
        "tap_finding",
        ["kind", "terminal_id", "first_sequence"],
        unique=True,
    )
    op.create_index(
        "ix_tap_finding_open",
        "tap_finding",
        ["found_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_table(
        "tap_tail",
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_tap_tail_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_tap_tail")),
    )
    op.create_table(
        "taps_looked_at",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("conflict", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_taps_looked_at_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taps_looked_at")),
    )


def downgrade() -> None:
    """Take it down again: findings are lost, and whether answers were shown."""
    op.drop_table("taps_looked_at")
    op.drop_table("tap_tail")
    op.drop_table("tap_finding")
    op.drop_column("service_record", "lessened_at_sequence")
    for column in ("link", "shown", "repeats"):
        op.drop_column("tap", column)
