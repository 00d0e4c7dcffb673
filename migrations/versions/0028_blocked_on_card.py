"""What is on a card says of itself whether it must be refused; status lists change in pieces.

Until now no record did: cards that are refused today are blocked at their next tap online. A piece
of a list without a row of its own is read when it is first asked for.

Revision: 0028, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

SERVICE = sa.Enum(
    "identity",
    "library",
    "leisure",
    "travel",
    name="service",
    native_enum=False,
    create_constraint=True,
    length=40,
)


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column(
        "service_record",
        sa.Column("blocked", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "status_shard",
        sa.Column("service", SERVICE, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("number >= 0", name=op.f("ck_status_shard_number_from_zero")),
        sa.PrimaryKeyConstraint("service", "number", name=op.f("pk_status_shard")),
    )
    op.drop_index("ix_service_record_listed", table_name="service_record")
    _index(["service", "status_index"])


def downgrade() -> None:
    """Take it down again; cards that say so stay blocked until they are written again."""
    op.drop_index("ix_service_record_listed", table_name="service_record")
    _index(["service"])
    op.drop_table("status_shard")
    op.drop_column("service_record", "blocked")


def _index(columns: list[str]) -> None:
    listed = sa.text("status <> 0 OR NOT held")
    op.create_index(
        "ix_service_record_listed",
        "service_record",
        columns,
        sqlite_where=listed,
        postgresql_where=listed,
    )
