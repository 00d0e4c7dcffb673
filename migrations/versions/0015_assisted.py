"""Staff act for residents in sessions of their own, and checks of identity keep their scores.

Revision: 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_ROLES = _one_of("staffrole", "adviser", "card-officer", "supervisor", "auditor", "administrator")
_REASONS = _one_of(
    "assistreason", "address", "contact", "details", "entitlement", "card", "explain", "other"
)
_PRESENCES = _one_of("presence", "card-tapped", "documents-seen", "telephone", "letter")
_ENDS = _one_of("assistedend", "clerk", "time", "sign-in-ended", "another-resident")
_PARTS = _one_of("assurancepart", "strength", "validity", "activity", "fraud", "verification")
_ACTORS = _one_of("actorkind", "resident", "staff", "terminal", "partner", "system")


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "own_account",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_member.id"], name=op.f("fk_own_account_staff_id_staff_member")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_own_account_account_id_account")
        ),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_own_account")),
    )
    op.create_index(op.f("ix_own_account_account_id"), "own_account", ["account_id"])
    _create_assisted_session()
    _create_assurance_score()
    with op.batch_alter_table("record_read") as batch:
        batch.add_column(sa.Column("assisted_id", sa.Uuid(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_record_read_assisted_id_assisted_session"),
            "assisted_session",
            ["assisted_id"],
            ["id"],
        )
        batch.create_index(op.f("ix_record_read_assisted_id"), ["assisted_id"])


def _create_assisted_session() -> None:
    op.create_table(
        "assisted_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("staff_label", sa.String(length=200), nullable=False),
        sa.Column("role", _ROLES, nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("reason", _REASONS, nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=True),
        sa.Column("presence", _PRESENCES, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", _ENDS, nullable=True),
        sa.CheckConstraint("expires_at > opened_at", name=op.f("ck_assisted_session_lasts")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)",
            name=op.f("ck_assisted_session_ended_by_something"),
        ),
        sa.CheckConstraint(
            "reason <> 'other' OR sealed_note IS NOT NULL",
            name=op.f("ck_assisted_session_other_is_explained"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff_member.id"],
            name=op.f("fk_assisted_session_staff_id_staff_member"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_assisted_session_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assisted_session")),
    )
    for column in ("staff_id", "account_id", "opened_at"):
        op.create_index(op.f(f"ix_assisted_session_{column}"), "assisted_session", [column])
    op.create_index(
        "uq_assisted_session_open",
        "assisted_session",
        ["staff_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _create_assurance_score() -> None:
    op.create_table(
        "assurance_score",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("part", _PARTS, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_kind", _ACTORS, nullable=False),
        sa.Column("by_id", sa.String(length=64), nullable=False),
        sa.Column("by_label", sa.String(length=200), nullable=False),
        sa.Column("sealed_basis", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "score >= 0 AND score <= 4", name=op.f("ck_assurance_score_from_0_to_4")
        ),
        sa.CheckConstraint(
            "part IN ('activity', 'fraud') OR document_id IS NOT NULL",
            name=op.f("ck_assurance_score_of_a_document"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_assurance_score_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["sighted_document.id"],
            name=op.f("fk_assurance_score_document_id_sighted_document"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assurance_score")),
    )
    for column in ("account_id", "document_id"):
        op.create_index(op.f(f"ix_assurance_score_{column}"), "assurance_score", [column])


def downgrade() -> None:
    """Take it down again; who acted for whom is left in the audit trail alone."""
    with op.batch_alter_table("record_read") as batch:
        batch.drop_index(op.f("ix_record_read_assisted_id"))
        batch.drop_constraint(
            op.f("fk_record_read_assisted_id_assisted_session"), type_="foreignkey"
        )
        batch.drop_column("assisted_id")
    for table in ("assurance_score", "assisted_session", "own_account"):
        op.drop_table(table)
