"""Library machines ask by SIP2, and status lists remember what a restored database does not know.

Revision: 0031, after 0030.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

SERVICE = sa.Enum(
    *("library", "leisure", "travel", "identity"),
    name="service",
    native_enum=False,
    create_constraint=True,
    length=40,
)


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
    op.add_column(
        "status_list",
        sa.Column("first_free", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "kept_status",
        sa.Column("service", SERVICE, nullable=False),
        sa.Column("status_index", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN (1, 2)", name=op.f("ck_kept_status_refused")),
        sa.PrimaryKeyConstraint("service", "status_index", name=op.f("pk_kept_status")),
    )


def downgrade() -> None:
    """Take it down again: machines are added anew; what was only in a list is not refused."""
    op.drop_table("kept_status")
    op.drop_column("status_list", "first_free")
    op.drop_table("library_usage")
    op.drop_table("library_machine")
