"""Tables whose rows the database itself refuses to change or remove."""

from typing import Any, Final

from sqlalchemy import Connection, Table, event

_EVENTS: Final = ("UPDATE", "DELETE")
_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: its rows are never changed or removed', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""


def protect(table: Table) -> None:
    """Have the guards made whenever the table is made from its metadata."""
    event.listen(table, "after_create", _guard)


def guards(table: str, dialect: str) -> tuple[str, ...]:
    """The statements that make a table append-only; each is one statement.

    Whoever owns the database can take the guards away. The hash chain shows what they did then.
    """
    if dialect == "postgresql":
        create, refuse = f"CREATE TRIGGER {table}", "EXECUTE FUNCTION refuse_change()"
        return (
            _FUNCTION,
            f"{create}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}",
            f"{create}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
        )
    words = f"{table} is append-only: its rows are never changed or removed"
    return tuple(
        f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{words}'); END"
        for what in _EVENTS
    )


def _guard(table: Table, connection: Connection, **_: Any) -> None:  # noqa: ANN401  (SQLAlchemy's)
    for statement in guards(table.name, connection.dialect.name):
        connection.exec_driver_sql(statement)
