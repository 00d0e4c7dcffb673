"""Evidence is given with applications, staff look after them for a while, and ends are announced.

Revision: 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_ACTORS = _one_of("actorkind", "resident", "staff", "terminal", "partner", "system")
_MEDIA = _one_of("media", "application/pdf", "image/jpeg", "image/png")
_HOW = _one_of("evidencehow", "uploaded", "sighted", "reference")
_OUTCOME = _one_of("evidenceoutcome", "waiting", "accepted", "refused")


def upgrade() -> None:
    """Bring the schema up."""
    with op.batch_alter_table("application") as batch:
        batch.add_column(sa.Column("claimed_label", sa.String(length=200), nullable=True))
        batch.add_column(sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
    _create_evidence_file()
    _create_application_evidence()
    op.create_table(
        "end_notice",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["entitlement_grant.id"],
            name=op.f("fk_end_notice_grant_id_entitlement_grant"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_end_notice_account_id_account")
        ),
        sa.PrimaryKeyConstraint("grant_id", "days", name=op.f("pk_end_notice")),
    )
    op.create_index(op.f("ix_end_notice_account_id"), "end_notice", ["account_id"])


def _create_evidence_file() -> None:
    op.create_table(
        "evidence_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("media", _MEDIA, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by_kind", _ACTORS, nullable=False),
        sa.Column("sent_by_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_digest", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("size > 0 AND pages > 0", name=op.f("ck_evidence_file_holds_something")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_evidence_file_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_file")),
    )
    for column in ("account_id", "kept_until"):
        op.create_index(op.f(f"ix_evidence_file_{column}"), "evidence_file", [column])


def _create_application_evidence() -> None:
    op.create_table(
        "application_evidence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("how", _HOW, nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_said", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", _OUTCOME, nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("judged_by_id", sa.String(length=64), nullable=True),
        sa.Column("judged_by_label", sa.String(length=200), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(outcome = 'waiting') = (judged_at IS NULL)",
            name=op.f("ck_application_evidence_judged_at_some_time"),
        ),
        sa.CheckConstraint(
            "(outcome = 'refused') = (sealed_reason IS NOT NULL)",
            name=op.f("ck_application_evidence_refused_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_application_evidence_application_id_application"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_application_evidence_account_id_account"),
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["evidence_file.id"],
            name=op.f("fk_application_evidence_file_id_evidence_file"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_evidence")),
    )
    for column in ("application_id", "account_id", "file_id"):
        op.create_index(op.f(f"ix_application_evidence_{column}"), "application_evidence", [column])


def downgrade() -> None:
    """Take it down again: what was sent as evidence, and what was found of it, is lost."""
    for table in ("end_notice", "application_evidence", "evidence_file"):
        op.drop_table(table)
    with op.batch_alter_table("application") as batch:
        batch.drop_column("claimed_until")
        batch.drop_column("claimed_label")
