"""Runs migrations on a connection it is given, or on the database of the settings."""

import asyncio
import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, Connection

from cardservice.database import Database
from cardservice.schema import import_tables
from cardservice.settings import load_settings
from identity.db import Base, UtcDateTime


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:  # noqa: ANN401  (Alembic passes anything)
    """A migration must not change when our column type does: it names the database's type."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def run(connection: Connection) -> None:
    """Run what the command asks for."""
    import_tables()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=render_item,
        compare_type=True,
        transactional_ddl=True,  # SQLite too: our transactions begin before the first statement
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_on_settings() -> None:
    """Called by Alembic's own command line, which brings no connection."""
    database = Database(load_settings(os.environ).database_url)
    async with database.engine.begin() as connection:
        await connection.run_sync(run)
    await database.close()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_on_settings())
else:
    run(given)
