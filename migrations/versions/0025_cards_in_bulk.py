"""Cards in bulk: bureaus and their batches, and the renewal of the cards that end on a day.

Revision: 0025, after 0031.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_UNDER_WAY = sa.text("state IN ('waiting', 'sent')")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}")
    )


def upgrade() -> None:
    """Bring the schema up."""
    _add_bureaus()
    _add_batches()
    _add_renewals()


def downgrade() -> None:
    """Take it down again; which batches were sent, and who was asked, is forgotten."""
    for table in ("renewal", "renewal_run", "batch_row", "production_batch", "bureau"):
        op.drop_table(table)


def _add_bureaus() -> None:
    op.create_table(
        "bureau",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("sealing_key", sa.LargeBinary(), nullable=False),
        sa.Column("signing_key", sa.LargeBinary(), nullable=False),
        sa.Column("encoder_id", sa.Uuid(), nullable=True),
        _moment("created_at", nullable=False),
        _moment("ended_at"),
        _refers("bureau", "encoder_id", "terminal"),
        sa.UniqueConstraint("encoder_id", name=op.f("uq_bureau_encoder_id")),
        sa.UniqueConstraint("name", name=op.f("uq_bureau_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bureau")),
    )


def _add_batches() -> None:
    states = _one_of("batchstate", "made", "released", "sent", "answered", "cancelled")
    op.create_table(
        "production_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bureau_id", sa.Uuid(), nullable=False),
        sa.Column("product", sa.String(length=40), nullable=False),
        sa.Column("state", states, nullable=False),
        _moment("made_at", nullable=False),
        sa.Column("made_by_id", sa.String(length=64), nullable=False),
        sa.Column("made_by_label", sa.String(length=200), nullable=False),
        _moment("released_at"),
        sa.Column("released_by_id", sa.String(length=64), nullable=True),
        sa.Column("released_by_label", sa.String(length=200), nullable=True),
        _moment("sent_at"),
        _moment("closed_at"),
        sa.CheckConstraint(
            "released_by_id <> made_by_id", name=op.f("ck_production_batch_second_person")
        ),
        sa.CheckConstraint(
            "state NOT IN ('released', 'sent', 'answered') OR released_by_id IS NOT NULL",
            name=op.f("ck_production_batch_released_by_somebody"),
        ),
        sa.CheckConstraint(
            "(closed_at IS NOT NULL) = (state IN ('answered', 'cancelled'))",
            name=op.f("ck_production_batch_closed_at_end"),
        ),
        _refers("production_batch", "bureau_id", "bureau"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_production_batch")),
    )
    rows = _one_of("rowstate", "waiting", "sent", "dispatched", "failed", "withdrawn")
    op.create_table(
        "batch_row",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("state", rows, nullable=False),
        sa.Column("fault", sa.String(length=16), nullable=True),
        sa.CheckConstraint(
            "(state = 'failed') = (fault IS NOT NULL)", name=op.f("ck_batch_row_failed_with_fault")
        ),
        _refers("batch_row", "batch_id", "production_batch"),
        _refers("batch_row", "card_id", "card"),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_batch_row")),
    )
    op.create_index(op.f("ix_batch_row_card_id"), "batch_row", ["card_id"])
    op.create_index(
        "uq_batch_row_under_way",
        "batch_row",
        ["card_id"],
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    )


def _add_renewals() -> None:
    op.create_table(
        "renewal_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column(
            "state",
            _one_of("runstate", "to-preview", "previewed", "running", "finished"),
            nullable=False,
        ),
        _moment("asked_at", nullable=False),
        sa.Column("preview", sa.JSON(), nullable=True),
        _moment("previewed_at"),
        _moment("started_at"),
        sa.Column("started_by", sa.String(length=200), nullable=True),
        _moment("finished_at"),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("expires_on", name=op.f("uq_renewal_run_expires_on")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renewal_run")),
    )
    states = _one_of("renewalstate", "renewed", "asked", "declined", "left")
    op.create_table(
        "renewal",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        _moment("decided_at", nullable=False),
        _moment("answered_at"),
        sa.Column("new_card_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'renewed') = (new_card_id IS NOT NULL)",
            name=op.f("ck_renewal_renewed_by_card"),
        ),
        _refers("renewal", "card_id", "card"),
        _refers("renewal", "run_id", "renewal_run"),
        _refers("renewal", "account_id", "account"),
        _refers("renewal", "new_card_id", "card"),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_renewal")),
    )
    op.create_index(op.f("ix_renewal_run_id"), "renewal", ["run_id"])
    op.create_index(op.f("ix_renewal_account_id"), "renewal", ["account_id"])
