"""Addresses can be protected, and some changes wait for a second person.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_KINDS = _one_of("requestkind", "correction", "death", "false-report")
_STATES = _one_of("requeststate", "waiting", "approved", "refused")


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column(
        "account",
        sa.Column("address_protected", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "change_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _KINDS, nullable=False),
        sa.Column("state", _STATES, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.String(length=64), nullable=False),
        sa.Column("asked_by_label", sa.String(length=200), nullable=False),
        sa.Column("sealed_asked", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.String(length=64), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "decided_by_id <> asked_by_id", name=op.f("ck_change_request_second_person")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_by_id IS NULL)",
            name=op.f("ck_change_request_decided_by_somebody"),
        ),
        sa.CheckConstraint(
            "(state = 'refused') = (sealed_reason IS NOT NULL)",
            name=op.f("ck_change_request_refused_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_change_request_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_request")),
    )
    op.create_index(op.f("ix_change_request_account_id"), "change_request", ["account_id"])
    op.create_index(op.f("ix_change_request_asked_at"), "change_request", ["asked_at"])
    op.create_index(
        "uq_change_request_waiting",
        "change_request",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    """Take it down again; who was protected and what was asked for is lost."""
    op.drop_table("change_request")
    op.drop_column("account", "address_protected")
