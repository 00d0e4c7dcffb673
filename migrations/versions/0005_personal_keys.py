"""A key for each person, and names found by any part of them.

Revision: 0005, after 0004.

People who are there already get their key and their name's index by `kentcard keys rekey`, which
needs the key store; until then their records open as before and their names are not found.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_REPLACED = ("full_name_index", "family_name_index")


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "person_key",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("index_generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_person_key_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_person_key")),
    )
    op.create_index(op.f("ix_person_key_generation"), "person_key", ["generation"], unique=False)
    op.create_index(
        op.f("ix_person_key_index_generation"), "person_key", ["index_generation"], unique=False
    )
    op.create_table(
        "name_part",
        sa.Column("part", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_name_part_account_id_account")
        ),
        sa.PrimaryKeyConstraint("part", "account_id", name=op.f("pk_name_part")),
    )
    op.create_index(op.f("ix_name_part_account_id"), "name_part", ["account_id"], unique=False)
    op.create_table(
        "name_form",
        sa.Column("form", sa.LargeBinary(), nullable=False),
        sa.Column("part", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("form", "part", name=op.f("pk_name_form")),
    )
    op.create_index(op.f("ix_name_form_part"), "name_form", ["part"], unique=False)
    for column in _REPLACED:
        op.drop_index(op.f(f"ix_account_{column}"), table_name="account")
        op.drop_column("account", column)


def downgrade() -> None:
    """Take it down again.

    What was sealed with people's own keys cannot be opened afterwards, and nobody is found by name.
    """
    for column in _REPLACED:
        empty = sa.Column(column, sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
        op.add_column("account", empty)
        op.create_index(op.f(f"ix_account_{column}"), "account", [column], unique=False)
    op.drop_index(op.f("ix_name_form_part"), table_name="name_form")
    op.drop_table("name_form")
    op.drop_index(op.f("ix_name_part_account_id"), table_name="name_part")
    op.drop_table("name_part")
    op.drop_index(op.f("ix_person_key_index_generation"), table_name="person_key")
    op.drop_index(op.f("ix_person_key_generation"), table_name="person_key")
    op.drop_table("person_key")
