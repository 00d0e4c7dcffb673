"""The life of a card in full: its states, its product and last day, and what is charged for it.

A card that failed is destroyed from now on: both are refused for ever, and both leave their chip
for another.

Revision: 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_BEFORE = ("ordered", "active", "lost", "replaced", "failed")
_STATES = (
    *("ordered", "personalised", "dispatched", "active", "suspended", "lost", "stolen"),
    *("damaged", "faulty", "expired", "returned", "replaced", "destroyed"),
)
_LIVE = "state IN ('active', 'damaged', 'faulty', 'lost', 'stolen', 'suspended')"
_COMING = "state IN ('dispatched', 'ordered', 'personalised')"


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        name,
        "card",
        columns,
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def _states_become(states: tuple[str, ...], in_use: str) -> None:
    """Change the two checks on a card's state."""
    allowed = ", ".join(f"'{state}'" for state in states)
    with op.batch_alter_table("card") as batch:
        for check in ("cardstate", "in_use_has_uid"):
            batch.drop_constraint(op.f(f"ck_card_{check}"), type_="check")
        batch.create_check_constraint(op.f("ck_card_cardstate"), f"state IN ({allowed})")
        batch.create_check_constraint(
            op.f("ck_card_in_use_has_uid"), f"NOT ({in_use}) OR uid_index IS NOT NULL"
        )


def upgrade() -> None:
    """Bring the schema up."""
    op.drop_index("uq_card_live", "card")
    op.drop_index("uq_card_uid", "card")
    with op.batch_alter_table("card") as batch:
        batch.add_column(
            sa.Column("product", sa.String(40), nullable=False, server_default="kent-card")
        )
        batch.add_column(sa.Column("strip", sa.String(40), nullable=True))
        batch.add_column(sa.Column("expires_on", sa.Date(), nullable=True))
        batch.add_column(sa.Column("sealed_crime_reference", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("card") as batch:
        batch.alter_column("product", server_default=None)
    _states_become((*_BEFORE, *_STATES), _LIVE)
    op.execute("UPDATE card SET state = 'destroyed' WHERE state = 'failed'")
    _states_become(_STATES, _LIVE)
    op.create_index(op.f("ix_card_expires_on"), "card", ["expires_on"])
    _index("uq_card_live", ["account_id", "product"], _LIVE)
    _index("uq_card_coming", ["account_id", "product"], _COMING)
    _index("uq_card_uid", ["uid_index"], "uid_index IS NOT NULL AND state <> 'destroyed'")
    with op.batch_alter_table("card_order") as batch:
        batch.alter_column("terminal_id", existing_type=sa.Uuid(), nullable=True)
    _charges()


def _charges() -> None:
    op.create_table(
        "charge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("cause", _one_of("cause", "lost", "stolen", "damaged", "faulty"), nullable=False),
        sa.Column("pence", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            _one_of("chargestate", "due", "paid", "waived", "refunded"),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", sa.String(length=64), nullable=True),
        sa.Column("method", _one_of("method", "desk", "govuk-pay"), nullable=True),
        sa.Column(
            "relief",
            _one_of("relief", "crime-reference", "faulty", "our-mistake", "hardship", "not-wanted"),
            nullable=True,
        ),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("pence > 0", name=op.f("ck_charge_costs_something")),
        sa.CheckConstraint(
            "(state = 'due') = (settled_at IS NULL)", name=op.f("ck_charge_settled_or_due")
        ),
        sa.CheckConstraint(
            "(state IN ('paid', 'refunded')) = (method IS NOT NULL)", name=op.f("ck_charge_paid_by")
        ),
        sa.CheckConstraint(
            "(state = 'refunded') = (refunded_at IS NOT NULL)", name=op.f("ck_charge_refunded_then")
        ),
        sa.CheckConstraint(
            "(state IN ('waived', 'refunded')) = (relief IS NOT NULL)",
            name=op.f("ck_charge_relieved_because"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_charge_account_id_account")
        ),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_charge_card_id_card")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge")),
        sa.UniqueConstraint("card_id", name=op.f("uq_charge_card_id")),
    )
    op.create_index(op.f("ix_charge_account_id"), "charge", ["account_id"])
    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=True),
        sa.Column("state", _one_of("paymentstate", "begun", "succeeded", "failed"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'begun') = (ended_at IS NULL)", name=op.f("ck_payment_ended_or_begun")
        ),
        sa.ForeignKeyConstraint(
            ["charge_id"], ["charge.id"], name=op.f("fk_payment_charge_id_charge")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_provider_id")),
    )
    op.create_index(op.f("ix_payment_charge_id"), "payment", ["charge_id"])
    op.create_index(
        "uq_payment_begun",
        "payment",
        ["charge_id"],
        unique=True,
        sqlite_where=sa.text("state = 'begun'"),
        postgresql_where=sa.text("state = 'begun'"),
    )


_BACK = (
    ("ordered", ("personalised", "dispatched")),
    ("lost", ("suspended", "stolen", "damaged", "faulty")),
    ("replaced", ("expired", "returned")),
    ("failed", ("destroyed",)),
)
"""State as it was before -> the states that become it again."""


def downgrade() -> None:
    """Take it down again.

    What was charged is lost, and so are orders at no desk. Cards of which a holder could have one
    beside another are not told apart any more: all but the newest count as replaced.
    """
    op.drop_table("payment")
    op.drop_table("charge")
    op.execute("DELETE FROM card_order WHERE terminal_id IS NULL")
    with op.batch_alter_table("card_order") as batch:
        batch.alter_column("terminal_id", existing_type=sa.Uuid(), nullable=False)
    for index in ("uq_card_live", "uq_card_coming", "uq_card_uid", op.f("ix_card_expires_on")):
        op.drop_index(index, "card")
    was_live = "state IN ('active', 'lost')"
    _states_become((*_BEFORE, *_STATES), was_live)
    for before, states in _BACK:
        among = ", ".join(f"'{state}'" for state in states)
        op.execute(f"UPDATE card SET state = '{before}' WHERE state IN ({among})")  # noqa: S608  (names above)
    op.execute(
        "UPDATE card SET state = 'replaced' WHERE state IN ('ordered', 'active', 'lost') AND EXISTS"
        " (SELECT 1 FROM card AS newer WHERE newer.account_id = card.account_id"
        " AND newer.state IN ('ordered', 'active', 'lost') AND (newer.created_at > card.created_at"
        " OR (newer.created_at = card.created_at AND newer.id > card.id)))"
    )
    _states_become(_BEFORE, was_live)
    with op.batch_alter_table("card") as batch:
        for column in ("product", "strip", "expires_on", "sealed_crime_reference"):
            batch.drop_column(column)
    _index("uq_card_live", ["account_id"], "state IN ('ordered', 'active', 'lost')")
    _index("uq_card_uid", ["uid_index"], "uid_index IS NOT NULL AND state <> 'failed'")
