"""A table of taps to seal, and what the owner of a database can do to an audit trail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import String, Table, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cardservice.database import Database
from identity import audit
from identity.audit_batches import Stream
from identity.audit_check import Broken, Intact, verify
from identity.checkpoints import Checkpoint
from identity.keys import KeyStore
from tests.support.people import CLERK, NOW

GUARDED = ("audit_row", "audit_batch", "audit_checkpoint")


class _Apart(DeclarativeBase):
    """Not the project's metadata: its migrations know nothing of this table."""


class SeenTap(_Apart):
    __tablename__ = "seen_tap"

    place: Mapped[str] = mapped_column(String(20), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    accepted: Mapped[bool]
    batch: Mapped[int | None] = mapped_column(default=None)


TAPS = Stream("taps", SeenTap, ("place", "sequence", "accepted"))


@asynccontextmanager
async def tap_table(database: Database) -> AsyncIterator[None]:
    table = SeenTap.__table__
    assert isinstance(table, Table)
    async with database.engine.begin() as connection:
        await connection.run_sync(table.create)
    yield
    async with database.engine.begin() as connection:
        await connection.run_sync(table.drop)


async def act(database: Database, *actions: str) -> None:
    """Each act in a transaction of its own."""
    for action in actions:
        async with database.transaction() as session:
            audit.record(session, action, "account:1", actor=CLERK, now=NOW, detail={"n": 1})


async def tamper(database: Database, *statements: str) -> None:
    """What somebody does who owns the database: the guards go first."""
    async with database.engine.begin() as connection:
        for table in GUARDED:
            if database.on_sqlite:
                for what in ("update", "delete"):
                    await connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{what}"))
            else:
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in statements:
            await connection.exec_driver_sql(statement)


async def checked(
    database: Database, keystore: KeyStore, *checkpoints: Checkpoint
) -> Intact | Broken:
    async with database.transaction() as session:
        return await verify(session, keystore, streams=[TAPS], checkpoints=checkpoints)
