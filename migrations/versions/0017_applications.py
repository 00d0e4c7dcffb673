"""Residents apply; what is given is offered, applied for, granted, suspended and ended.

Revision: 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('started', 'submitted', 'evidence-wanted')")
_QUEUE = sa.text("state IN ('submitted', 'review-asked')")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_STATES = ("offered", "declined", "applied", "granted", "suspended", "ended")
_GRANT_STATE = _one_of("grantstate", *_STATES)
_STANDING = _one_of("standing", "told", "own-word", "claimed")
_GIVING = _one_of("giving", "add", "offer")
_ACTORS = _one_of("actorkind", "resident", "staff", "terminal", "partner", "system")
_APPLICATION_STATE = _one_of(
    "applicationstate",
    "started",
    "submitted",
    "evidence-wanted",
    "granted",
    "refused",
    "withdrawn",
    "review-asked",
)


def upgrade() -> None:
    """Bring the schema up."""
    with op.batch_alter_table("entitlement_grant") as batch:
        batch.add_column(sa.Column("state", _GRANT_STATE, server_default="granted", nullable=False))
    op.execute("UPDATE entitlement_grant SET state = 'ended' WHERE ended_at IS NOT NULL")
    with op.batch_alter_table("entitlement_grant") as batch:
        batch.create_check_constraint(
            op.f("ck_entitlement_grant_ended_state"), "(ended_at IS NULL) = (state <> 'ended')"
        )
    with op.batch_alter_table("holder") as batch:
        batch.add_column(sa.Column("giving", _GIVING, nullable=True))
    with op.batch_alter_table("fed_fact") as batch:
        batch.add_column(sa.Column("standing", _STANDING, server_default="told", nullable=False))
    _create_grant_move()
    _create_application()
    _create_application_event()


def _create_grant_move() -> None:
    op.create_table(
        "grant_move",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("now_is", _GRANT_STATE, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("by_kind", _ACTORS, nullable=False),
        sa.Column("by_id", sa.String(length=64), nullable=False),
        sa.Column("by_label", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["entitlement_grant.id"],
            name=op.f("fk_grant_move_grant_id_entitlement_grant"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_grant_move_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant_move")),
    )
    for column in ("grant_id", "account_id"):
        op.create_index(op.f(f"ix_grant_move_{column}"), "grant_move", [column])


def _create_application() -> None:
    op.create_table(
        "application",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("state", _APPLICATION_STATE, nullable=False),
        sa.Column("saves", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("sealed_answers", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_outcome", sa.LargeBinary(), nullable=True),
        sa.Column("book", sa.String(length=64), nullable=True),
        sa.Column("grant_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'started') = (submitted_at IS NULL) OR state = 'withdrawn'",
            name=op.f("ck_application_submitted_at_some_time"),
        ),
        sa.CheckConstraint(
            "(state IN ('granted', 'refused', 'withdrawn')) = (closed_at IS NOT NULL)",
            name=op.f("ck_application_closed_at_some_time"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_application_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["entitlement_grant.id"],
            name=op.f("fk_application_grant_id_entitlement_grant"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("reference", name=op.f("uq_application_reference")),
    )
    op.create_index(op.f("ix_application_account_id"), "application", ["account_id"])
    op.create_index(
        "uq_application_open",
        "application",
        ["account_id", "scheme"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index(
        "ix_application_queue",
        "application",
        ["submitted_at"],
        sqlite_where=_QUEUE,
        postgresql_where=_QUEUE,
    )


def _create_application_event() -> None:
    op.create_table(
        "application_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("by_kind", _ACTORS, nullable=False),
        sa.Column("by_id", sa.String(length=64), nullable=False),
        sa.Column("by_label", sa.String(length=200), nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_application_event_application_id_application"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_application_event_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_event")),
    )
    for column in ("application_id", "account_id"):
        op.create_index(op.f(f"ix_application_event_{column}"), "application_event", [column])


def downgrade() -> None:
    """Take it down again: what was only offered or applied for, or stated, is lost."""
    for table in ("application_event", "application", "grant_move"):
        op.drop_table(table)
    op.execute("DELETE FROM fed_fact WHERE standing = 'claimed'")
    with op.batch_alter_table("fed_fact") as batch:
        batch.drop_constraint(op.f("ck_fed_fact_standing"), type_="check")
        batch.drop_column("standing")
    with op.batch_alter_table("holder") as batch:
        batch.drop_constraint(op.f("ck_holder_giving"), type_="check")
        batch.drop_column("giving")
    op.execute("DELETE FROM entitlement_grant WHERE state IN ('offered', 'declined', 'applied')")
    with op.batch_alter_table("entitlement_grant") as batch:
        batch.drop_constraint(op.f("ck_entitlement_grant_ended_state"), type_="check")
        batch.drop_constraint(op.f("ck_entitlement_grant_grantstate"), type_="check")
        batch.drop_column("state")
