"""Residents register themselves, claim accounts of a desk, and change where they are reached.

Messages that were waiting are due at once.

Revision: 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OPEN_CODE = sa.text("used_at IS NULL AND ended_at IS NULL")


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("account", sa.Column("sealed_mobile", sa.LargeBinary(), nullable=True))
    op.add_column("account", sa.Column("mobile_index", sa.LargeBinary(), nullable=True))
    op.add_column(
        "account", sa.Column("email_proved_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index("uq_account_mobile_index", "account", ["mobile_index"], unique=True)
    _rename_contact("email_index", "contact_index")
    op.create_index(op.f("ix_one_time_code_account_id"), "one_time_code", ["account_id"])
    _widen_outbox()
    _create_registrations()
    _create_activation_codes()
    _create_guardians()
    _create_duplicates()


def downgrade() -> None:
    """Take it down again; mobile numbers, guardians and registrations under way are lost."""
    op.drop_table("possible_duplicate")
    op.drop_table("guardian")
    op.drop_table("activation_code")
    op.drop_table("pending_registration")
    op.drop_index(op.f("ix_outbox_message_due_at"), table_name="outbox_message")
    with op.batch_alter_table("outbox_message") as batch:
        batch.drop_constraint(op.f("ck_outbox_message_sent_or_given_up"), type_="check")
        batch.drop_constraint(op.f("ck_outbox_message_failed_for_a_reason"), type_="check")
        for column in ("failure", "failed_at", "tries", "useful_until", "due_at"):
            batch.drop_column(column)
    op.drop_index(op.f("ix_one_time_code_account_id"), table_name="one_time_code")
    _rename_contact("contact_index", "email_index")
    op.drop_index("uq_account_mobile_index", table_name="account")
    op.drop_column("account", "email_proved_at")
    op.drop_column("account", "mobile_index")
    op.drop_column("account", "sealed_mobile")


def _rename_contact(before: str, after: str) -> None:
    op.drop_index(op.f(f"ix_one_time_code_{before}"), table_name="one_time_code")
    op.execute(f"ALTER TABLE one_time_code RENAME COLUMN {before} TO {after}")
    op.create_index(op.f(f"ix_one_time_code_{after}"), "one_time_code", [after])


def _widen_outbox() -> None:
    with op.batch_alter_table("outbox_message") as batch:
        batch.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("useful_until", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("failure", sa.String(length=40), nullable=True))
        batch.create_check_constraint(
            op.f("ck_outbox_message_failed_for_a_reason"),
            "(failed_at IS NULL) = (failure IS NULL)",
        )
        batch.create_check_constraint(
            op.f("ck_outbox_message_sent_or_given_up"),
            "delivered_at IS NULL OR failed_at IS NULL",
        )
    op.create_index(op.f("ix_outbox_message_due_at"), "outbox_message", ["due_at"])
    op.execute("UPDATE outbox_message SET due_at = created_at WHERE delivered_at IS NULL")


def _create_registrations() -> None:
    op.create_table(
        "pending_registration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_answers", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(account_id IS NULL) = (finished_at IS NULL)",
            name=op.f("ck_pending_registration_finished_with_account"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_pending_registration_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_registration")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_pending_registration_token_hash")),
    )
    op.create_index(
        op.f("ix_pending_registration_expires_at"), "pending_registration", ["expires_at"]
    )


def _create_activation_codes() -> None:
    op.create_table(
        "activation_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by_id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "tries >= 0 AND tries <= 5", name=op.f("ck_activation_code_at_most_five_tries")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_activation_code_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_activation_code_code_hash")),
    )
    op.create_index(op.f("ix_activation_code_account_id"), "activation_code", ["account_id"])
    op.create_index(
        "uq_activation_code_open",
        "activation_code",
        ["account_id"],
        unique=True,
        sqlite_where=_OPEN_CODE,
        postgresql_where=_OPEN_CODE,
    )


def _create_guardians() -> None:
    op.create_table(
        "guardian",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("guardian_account_id", sa.Uuid(), nullable=True),
        sa.Column("sealed_guardian", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "guardian_account_id <> account_id", name=op.f("ck_guardian_somebody_else")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_guardian_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["guardian_account_id"],
            ["account.id"],
            name=op.f("fk_guardian_guardian_account_id_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardian")),
    )
    op.create_index(op.f("ix_guardian_account_id"), "guardian", ["account_id"])
    op.create_index(op.f("ix_guardian_guardian_account_id"), "guardian", ["guardian_account_id"])


def _create_duplicates() -> None:
    outcome = sa.Enum(
        "different-people",
        "same-person",
        name="duplicateoutcome",
        native_enum=False,
        create_constraint=True,
        length=40,
    )
    op.create_table(
        "possible_duplicate",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", outcome, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "account_id <> other_id", name=op.f("ck_possible_duplicate_two_accounts")
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (decided_at IS NULL)"
            " AND (outcome IS NULL) = (decided_by_id IS NULL)",
            name=op.f("ck_possible_duplicate_decided_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_possible_duplicate_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["account.id"], name=op.f("fk_possible_duplicate_other_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_possible_duplicate")),
        sa.UniqueConstraint(
            "account_id", "other_id", name=op.f("uq_possible_duplicate_account_id_other_id")
        ),
    )
    for column in ("account_id", "other_id", "found_at"):
        op.create_index(op.f(f"ix_possible_duplicate_{column}"), "possible_duplicate", [column])
