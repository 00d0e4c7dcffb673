"""Holders keep the fingerprint of their answers, so that a look at everybody opens none of them.

What an officer told of a resident keeps the officer's reason.

Those of before have none: the next look at everybody decides for them anew and notes it.

Revision: 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("holder", sa.Column("answers", sa.LargeBinary(), nullable=True))
    op.add_column("holder", sa.Column("answers_change_on", sa.Date(), nullable=True))
    op.add_column("fed_fact", sa.Column("sealed_reason", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take it down again; the officers' reasons are lost, the rest is made anew."""
    op.drop_column("fed_fact", "sealed_reason")
    op.drop_column("holder", "answers_change_on")
    op.drop_column("holder", "answers")
