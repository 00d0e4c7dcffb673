"""How the provider writes to its tables: by statements, not by loading rows and changing them."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from identity.db import Base

Executor: TypeAlias = AsyncSession | AsyncConnection
"""What runs single statements: the transaction of a request or, where every statement stands for
itself and nothing has to hold together, a connection that commits each one."""

UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
"""No row of the provider is loaded as an object before it is changed by a statement."""


def insert_if_new(
    executor: Executor, model: type[Base], row: Mapping[str, Any]
) -> sqlite.Insert | postgresql.Insert:
    """An insert that does nothing when the row is there, whoever put it there first."""
    bound = executor.get_bind() if isinstance(executor, AsyncSession) else executor
    if bound.dialect.name == "sqlite":
        return sqlite.insert(model).values(row).on_conflict_do_nothing()
    return postgresql.insert(model).values(row).on_conflict_do_nothing()
