"""Rules are kept and published by two people; facts are fed; decisions can be made again.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'waiting'")
_NOT_SUPERSEDED = sa.text("superseded_at IS NULL")
_NOT_ENDED = sa.text("ended_at IS NULL")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


_STATES = _one_of("publicationstate", "waiting", "approved", "refused")
_RUNS = _one_of("runstate", "running", "finished")
_SERVICE = sa.String(length=40)


def upgrade() -> None:
    """Bring the schema up."""
    _keep_rules()
    _keep_publications()
    _keep_facts_and_runs()
    op.add_column("assessment", sa.Column("sealed_facts", sa.LargeBinary(), nullable=True))
    op.add_column("assessment", sa.Column("book", sa.String(length=64), nullable=True))
    op.add_column(
        "entitlement_grant",
        sa.Column("card_rank", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    _let_service_be_absent(absent=True)


def downgrade() -> None:
    """Take it down again: grants that no card could carry are lost."""
    op.execute("DELETE FROM entitlement_grant WHERE service IS NULL")
    _let_service_be_absent(absent=False)
    op.drop_column("entitlement_grant", "card_rank")
    op.drop_column("assessment", "book")
    op.drop_column("assessment", "sealed_facts")
    op.drop_table("reassessment_run")
    op.drop_index(
        "uq_fed_fact_current",
        table_name="fed_fact",
        sqlite_where=_NOT_SUPERSEDED,
        postgresql_where=_NOT_SUPERSEDED,
    )
    op.drop_index(op.f("ix_fed_fact_account_id"), table_name="fed_fact")
    op.drop_table("fed_fact")
    op.drop_index(
        "uq_rule_publication_waiting",
        table_name="rule_publication",
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.drop_table("rule_publication")
    op.drop_table("rule_book")
    op.drop_table("rule_text")


def _keep_rules() -> None:
    op.create_table(
        "rule_text",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rule_text")),
    )
    op.create_table(
        "rule_book",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rule_book")),
    )


def _keep_publications() -> None:
    op.create_table(
        "rule_publication",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(length=80), nullable=False),
        sa.Column("text_digest", sa.String(length=64), nullable=False),
        sa.Column("state", _STATES, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("backdated", sa.Boolean(), nullable=False),
        sa.Column("consequences", sa.JSON(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.String(length=64), nullable=False),
        sa.Column("asked_by_label", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.String(length=64), nullable=True),
        sa.Column("decided_by_label", sa.String(length=200), nullable=True),
        sa.Column("refusal", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "decided_by_id <> asked_by_id", name=op.f("ck_rule_publication_second_person")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_by_id IS NULL)",
            name=op.f("ck_rule_publication_decided_by_somebody"),
        ),
        sa.CheckConstraint(
            "(state = 'refused') = (refusal IS NOT NULL)",
            name=op.f("ck_rule_publication_refused_with_reason"),
        ),
        sa.CheckConstraint(
            "(state = 'approved') = (number IS NOT NULL)",
            name=op.f("ck_rule_publication_approved_is_counted"),
        ),
        sa.ForeignKeyConstraint(
            ["text_digest"],
            ["rule_text.digest"],
            name=op.f("fk_rule_publication_text_digest_rule_text"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_publication")),
        sa.UniqueConstraint("number", name=op.f("uq_rule_publication_number")),
    )
    op.create_index(
        "uq_rule_publication_waiting",
        "rule_publication",
        ["file"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def _keep_facts_and_runs() -> None:
    op.create_table(
        "fed_fact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_by_id", sa.String(length=64), nullable=False),
        sa.Column("told_by_label", sa.String(length=200), nullable=False),
        sa.Column("sealed_value", sa.LargeBinary(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_fed_fact_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fed_fact")),
    )
    op.create_index(op.f("ix_fed_fact_account_id"), "fed_fact", ["account_id"])
    op.create_index(
        "uq_fed_fact_current",
        "fed_fact",
        ["account_id", "name"],
        unique=True,
        sqlite_where=_NOT_SUPERSEDED,
        postgresql_where=_NOT_SUPERSEDED,
    )
    op.create_table(
        "reassessment_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", _RUNS, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reassessment_run")),
    )


def _let_service_be_absent(*, absent: bool) -> None:
    as_it_is = _grants(absent=not absent)
    with op.batch_alter_table("entitlement_grant", copy_from=as_it_is) as batch:
        batch.alter_column("service", existing_type=_SERVICE, nullable=absent)


def _grants(*, absent: bool) -> sa.Table:
    """The whole table: SQLite changes a column by making the table anew."""
    table = sa.Table(
        "entitlement_grant",
        sa.MetaData(),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.String(length=64), nullable=False),
        sa.Column("service", _SERVICE, nullable=absent),
        sa.Column("entitlement_class", sa.String(length=24), nullable=False),
        sa.Column("card_rank", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_reason IS NULL)",
            name=op.f("ck_entitlement_grant_ended_with_reason"),
        ),
        sa.CheckConstraint(
            "service IN ('identity', 'library', 'leisure', 'travel')",
            name=op.f("ck_entitlement_grant_service"),
        ),
        sa.CheckConstraint(
            "valid_until >= valid_from", name=op.f("ck_entitlement_grant_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_entitlement_grant_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement_grant")),
        sa.Index(op.f("ix_entitlement_grant_account_id"), "account_id"),
    )
    for name, columns, unique in (
        ("ix_entitlement_grant_due", ("valid_until",), False),
        ("uq_entitlement_grant_current", ("account_id", "scheme"), True),
    ):
        sa.Index(
            name,
            *(table.c[column] for column in columns),
            unique=unique,
            sqlite_where=_NOT_ENDED,
            postgresql_where=_NOT_ENDED,
        )
    return table
