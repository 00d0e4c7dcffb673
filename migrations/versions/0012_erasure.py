"""A person's record can be erased; taps that are no longer kept leave the day of the last one.

Revision: 0012, after 0011.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ACTORS = ("resident", "staff", "terminal", "partner", "system")
_NEW = (
    ("account", "state", "accountstate", ("erased",)),
    ("change_request", "kind", "requestkind", ("erasure", "keeping")),
)
"""Table, column, name of the check and the values it allows from now on."""


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    """Bring the schema up."""
    for table, column, check, values in _NEW:
        _allow(table, column, check, (*_allowed(table, check), *values))
    op.add_column("service_number", sa.Column("last_used_on", sa.Date(), nullable=True))
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "basis",
            _one_of("erasurebasis", "resident-asked", "staff-asked", "deceased", "restored"),
            nullable=False,
        ),
        sa.Column(
            "state",
            _one_of("erasurestate", "waiting", "withdrawn", "refused", "done"),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_kind", _one_of("actorkind", *_ACTORS), nullable=False),
        sa.Column("asked_by_id", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ground", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_erasure_ended_or_waiting")
        ),
        sa.CheckConstraint(
            "(state = 'refused') = (ground IS NOT NULL)",
            name=op.f("ck_erasure_refused_on_a_ground"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_erasure_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_account_id"), "erasure", ["account_id"])
    op.create_index(op.f("ix_erasure_due_at"), "erasure", ["due_at"])
    op.create_index(
        "uq_erasure_waiting",
        "erasure",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    """Take it down again; who waits to be erased is lost, and erased accounts count as closed."""
    op.drop_table("erasure")
    op.drop_column("service_number", "last_used_on")
    op.execute("UPDATE account SET state = 'closed' WHERE state = 'erased'")
    op.execute("DELETE FROM change_request WHERE kind IN ('erasure', 'keeping')")
    for table, column, check, values in _NEW:
        kept = [value for value in _allowed(table, check) if value not in values]
        _allow(table, column, check, kept)


def _allowed(table: str, check: str) -> list[str]:
    """The values that the check allows now, whichever migration added them."""
    checks = sa.inspect(op.get_bind()).get_check_constraints(table)
    told = next(each["sqltext"] for each in checks if each["name"] == f"ck_{table}_{check}")
    return re.findall(r"'([^']*)'", told)


def _allow(table: str, column: str, check: str, values: list[str] | tuple[str, ...]) -> None:
    name = f"ck_{table}_{check}"
    condition = f"{column} IN ({', '.join(repr(value) for value in values)})"
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, condition)
    else:
        _rewrite(connection, table, name, condition)


def _rewrite(connection: sa.Connection, table: str, name: str, condition: str) -> None:
    """Change a check where SQLite keeps it: a table that others refer to cannot be made anew.

    Source: sqlite.org/lang_altertable.html section 7, the steps for changing CHECK constraints.
    """
    of_table = {"table": table}
    find = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    before: str = connection.execute(find, of_table).scalar_one()
    told = re.compile(rf"(CONSTRAINT {name} CHECK )\([^()]*\([^()]*\)\)")
    after, found = told.subn(rf"\1({condition})", before)
    if found != 1:
        raise RuntimeError(f"{table} has no check {name} of the form that this version knows.")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    change = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table")
    connection.execute(change, of_table | {"sql": after})
    connection.exec_driver_sql(f"PRAGMA schema_version={int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
