"""What is on a card says of itself whether it must be refused.

Until now no record did: cards that are refused today are blocked at their next tap online.

Revision: 0028, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column(
        "service_record",
        sa.Column("blocked", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Take it down again; cards that say so stay blocked until they are written again."""
    op.drop_column("service_record", "blocked")
