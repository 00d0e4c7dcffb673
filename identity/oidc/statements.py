"""How the provider writes to its tables: by statements, not by loading rows and changing them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import Base

UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
"""No row of the provider is loaded as an object before it is changed by a statement."""


def insert_if_new(
    session: AsyncSession, model: type[Base], row: Mapping[str, Any]
) -> sqlite.Insert | postgresql.Insert:
    """An insert that does nothing when the row is there, whoever put it there first."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(model).values(row).on_conflict_do_nothing()
    return postgresql.insert(model).values(row).on_conflict_do_nothing()
