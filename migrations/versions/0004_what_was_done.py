"""What was done: the audit trail becomes a hash chain that the database guards.

Revision: 0004, after 0003.

Rows that are there already are chained in the order of their ids, so that they are covered from
here on; what happened to them before cannot be known.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from identity.append_only import guards
from identity.audit import COVERED
from identity.chain import ACTS, first_link
from identity.db import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PAGE = 2000
_ACTORS = sa.Enum(
    "resident",
    "staff",
    "terminal",
    "partner",
    "system",
    name="actorkind",
    native_enum=False,
    create_constraint=True,
    length=40,
)


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "chain_head",
        sa.Column("chain", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_chain_head")),
    )
    op.create_table(
        "audit_batch",
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_audit_batch_chained")),
        sa.CheckConstraint("row_count > 0", name=op.f("ck_audit_batch_holds_rows")),
        sa.PrimaryKeyConstraint("stream", "number", name=op.f("pk_audit_batch")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_checkpoint")),
    )
    op.create_index(op.f("ix_audit_checkpoint_at"), "audit_checkpoint", ["at"], unique=False)
    _replace_audit_row(chained=True)
    for table in ("audit_row", "audit_batch", "audit_checkpoint"):
        for statement in guards(table, op.get_bind().dialect.name):
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take it down again; the hashes are lost, the rows stay."""
    _replace_audit_row(chained=False)
    op.drop_index(op.f("ix_audit_checkpoint_at"), table_name="audit_checkpoint")
    op.drop_table("audit_checkpoint")
    op.drop_table("audit_batch")
    op.drop_table("chain_head")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _replace_audit_row(*, chained: bool) -> None:
    """Make the table anew and move the rows: SQLite cannot add the column and its checks."""
    op.drop_index(op.f("ix_audit_row_at"), table_name="audit_row")
    op.drop_index(op.f("ix_audit_row_subject"), table_name="audit_row")
    op.rename_table("audit_row", "audit_row_before")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("pk_audit_row", "audit_row_before")
    _create_audit_row(chained=chained)
    _move_rows(chained=chained)
    op.drop_table("audit_row_before")
    op.create_index(op.f("ix_audit_row_at"), "audit_row", ["at"], unique=False)
    op.create_index(op.f("ix_audit_row_subject"), "audit_row", ["subject"], unique=False)


def _create_audit_row(*, chained: bool) -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    own: list[Any] = [
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_audit_row_chained")),
    ]
    op.create_table(
        "audit_row",
        sa.Column("id", key, autoincrement=not chained, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("actor_kind", _ACTORS, nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("actor_label", sa.String(length=200), nullable=False),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        *(own if chained else ()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_row")),
    )


def _move_rows(*, chained: bool) -> None:
    connection = op.get_bind()
    before, after = _table("audit_row_before"), _table("audit_row", chained=chained)
    link = first_link(ACTS)
    last = 0
    while page := _page(connection, before, last):
        rows = []
        for row in page:
            link = link.then(row["id"], {name: row[name] for name in COVERED})
            rows.append({**row, "hash": link.hash} if chained else dict(row))
        connection.execute(sa.insert(after), rows)
        last = page[-1]["id"]
    if not chained:
        _count_on_from(connection, last)
    elif last:
        ends = sa.table("chain_head", sa.column("chain"), sa.column("number"), sa.column("hash"))
        head = {"chain": ACTS, "number": link.number, "hash": link.hash}
        connection.execute(sa.insert(ends), [head])


def _page(connection: sa.Connection, table: sa.TableClause, last: int) -> list[dict[str, Any]]:
    page = sa.select(table).where(table.c.id > last).order_by(table.c.id).limit(_PAGE)
    return [dict(row) for row in connection.execute(page).mappings()]


def _count_on_from(connection: sa.Connection, last: int) -> None:
    if connection.dialect.name == "postgresql" and last:
        sequence = "pg_get_serial_sequence('audit_row', 'id')"
        connection.exec_driver_sql(f"SELECT setval({sequence}, {last})")


def _table(name: str, *, chained: bool = False) -> sa.TableClause:
    document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    types: dict[str, Any] = {"at": UtcDateTime(), "detail": document}
    columns = ["id", *COVERED, *(["hash"] if chained else [])]
    return sa.table(name, *[sa.column(column, types.get(column)) for column in columns])
