"""Library machines ask by SIP2 with credentials of their own, and what they are told is counted.

Revision: 0031, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "library_machine",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library_machine")),
        sa.UniqueConstraint("name", name=op.f("uq_library_machine_name")),
    )
    op.create_table(
        "library_usage",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["machine_id"],
            ["library_machine.id"],
            name=op.f("fk_library_usage_machine_id_library_machine"),
        ),
        sa.PrimaryKeyConstraint("machine_id", "day", "what", name=op.f("pk_library_usage")),
    )


def downgrade() -> None:
    """Take it down again: the machines have to be added anew."""
    op.drop_table("library_usage")
    op.drop_table("library_machine")
