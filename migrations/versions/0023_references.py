"""Registers are asked about evidence, and what residents showed is announced before it is over.

Of holders from before it is not noted when what they showed is over: their next decision notes it.

Revision: 0023, after 0022.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("holder", sa.Column("shown_over_on", sa.Date(), nullable=True))
    op.create_index(op.f("ix_holder_shown_over_on"), "holder", ["shown_over_on"])
    op.create_table(
        "proof_notice",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("over_on", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_proof_notice_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", "over_on", "days", name=op.f("pk_proof_notice")),
    )
    op.create_table(
        "reference_question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("register", sa.String(length=64), nullable=False),
        sa.Column("sealed_reference", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"],
            ["application_evidence.id"],
            name=op.f("fk_reference_question_evidence_id_application_evidence"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_reference_question_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference_question")),
        sa.UniqueConstraint("evidence_id", name=op.f("uq_reference_question_evidence_id")),
    )
    for column in ("account_id", "due_at"):
        op.create_index(op.f(f"ix_reference_question_{column}"), "reference_question", [column])


def downgrade() -> None:
    """Take it down again: questions that wait are lost, and notices are given once more."""
    op.drop_table("reference_question")
    op.drop_table("proof_notice")
    op.drop_index(op.f("ix_holder_shown_over_on"), "holder")
    op.drop_column("holder", "shown_over_on")
