"""Members of staff have a work address: they are told there, and choose a lost password anew.

Revision: 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    with op.batch_alter_table("staff_member") as batch:
        batch.add_column(sa.Column("sealed_email", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take it down again; the addresses are gone."""
    with op.batch_alter_table("staff_member") as batch:
        batch.drop_column("sealed_email")
