"""Taps say in which audit batch they are sealed; those from before are sealed by the next run.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("tap", sa.Column("batch", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_tap_batch"), "tap", ["batch"], unique=False)


def downgrade() -> None:
    """Take it down again."""
    op.drop_index(op.f("ix_tap_batch"), table_name="tap")
    op.drop_column("tap", "batch")
