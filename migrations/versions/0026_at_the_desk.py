"""Readers are paired with a clerk's browser; an order belongs to a pairing; people have photos.

Orders that wait stay at their desk: no browser was paired when they were made.

Revision: 0026, after 0024.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_OPEN = sa.text("ended_at IS NULL")
_WAITING = sa.text("state = 'waiting'")
_UNPAIRED = sa.text("state = 'waiting' AND pairing_id IS NULL")
_STAGES = ("card-laid", "checking", "application", "keys", "files", "writing", "closing")
_RESULTS = (
    *("done", "nothing-owed", "no-order", "unknown-card"),
    *("card-failed", "broken-off", "timed-out", "refused"),
)


def upgrade() -> None:
    """Bring the schema up."""
    _make_pairing()
    _make_photo()
    _add_pairing_to_orders()
    _make_progress()


def _add_pairing_to_orders() -> None:
    with op.batch_alter_table("card_order") as table:
        table.add_column(sa.Column("pairing_id", sa.Uuid(), nullable=True))
        table.create_foreign_key(
            op.f("fk_card_order_pairing_id_pairing"), "pairing", ["pairing_id"], ["id"]
        )
    op.drop_index("uq_card_order_waiting_at_desk", "card_order")
    _unique("uq_card_order_waiting_at_desk", "card_order", "terminal_id", _UNPAIRED)
    _unique("uq_card_order_waiting_for_pairing", "card_order", "pairing_id", _WAITING)


def downgrade() -> None:
    """Take it down again: orders for a pairing that wait are cancelled first, else this fails."""
    op.drop_table("progress")
    op.drop_index("uq_card_order_waiting_for_pairing", "card_order")
    op.drop_index("uq_card_order_waiting_at_desk", "card_order")
    _unique("uq_card_order_waiting_at_desk", "card_order", "terminal_id", _WAITING)
    with op.batch_alter_table("card_order") as table:
        table.drop_constraint(op.f("fk_card_order_pairing_id_pairing"), type_="foreignkey")
        table.drop_column("pairing_id")
    op.drop_table("photo")
    op.drop_table("pairing")
    op.drop_table("pairing_code")


def _make_pairing() -> None:
    op.create_table(
        "pairing_code",
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_pairing_code_terminal_id_terminal")
        ),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_pairing_code")),
        sa.UniqueConstraint("code_index", name=op.f("uq_pairing_code_code_index")),
    )
    op.create_index(op.f("ix_pairing_code_expires_at"), "pairing_code", ["expires_at"])
    op.create_table(
        "pairing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("terminal_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["terminal_id"], ["terminal.id"], name=op.f("fk_pairing_terminal_id_terminal")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_pairing_staff_id_staff_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing")),
    )
    for column in ("session_id", "staff_id"):
        op.create_index(op.f(f"ix_pairing_{column}"), "pairing", [column])
    _unique("uq_pairing_open", "pairing", "terminal_id", _OPEN)


def _make_photo() -> None:
    op.create_table(
        "photo",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "whole",
                "card",
                name="photostage",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_picture", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_photo_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("account_id", "stage", name=op.f("uq_photo_account_id_stage")),
    )
    op.create_index(op.f("ix_photo_account_id"), "photo", ["account_id"])


def _make_progress() -> None:
    op.create_table(
        "progress",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pairing_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", _values("stage", _STAGES), nullable=False),
        sa.Column("stage_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", _values("sessionresult", _RESULTS), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (result IS NULL)", name=op.f("ck_progress_ended_with_result")
        ),
        sa.ForeignKeyConstraint(
            ["pairing_id"], ["pairing.id"], name=op.f("fk_progress_pairing_id_pairing")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["card_order.id"],
            name=op.f("fk_progress_order_id_card_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progress")),
    )
    for column in ("pairing_id", "order_id", "began_at"):
        op.create_index(op.f(f"ix_progress_{column}"), "progress", [column])


def _values(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _unique(name: str, table: str, column: str, where: sa.TextClause) -> None:
    op.create_index(name, table, [column], unique=True, sqlite_where=where, postgresql_where=where)
