"""Card keys have generations that begin and end; a card counts how far its own are.

Revision: 0027, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up: every card is at the first generation of every key."""
    op.create_table(
        "key_generation",
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retires_on", sa.Date(), nullable=True),
        sa.Column("check_value", sa.String(length=6), nullable=True),
        sa.CheckConstraint(
            "generation BETWEEN 1 AND 255", name=op.f("ck_key_generation_on_a_card")
        ),
        sa.PrimaryKeyConstraint("purpose", "generation", name=op.f("pk_key_generation")),
    )
    op.add_column("card", sa.Column("key_rolls", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take it down again; the key store keeps the keys, and cards keep theirs."""
    op.drop_column("card", "key_rolls")
    op.drop_table("key_generation")
