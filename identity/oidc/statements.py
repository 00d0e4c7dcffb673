"""How the provider writes to its tables: by statements, not by loading rows and changing them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.dialects import postgresql, sqlite

from identity.db import Base
from identity.executors import Executor, dialect_of

UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
"""No row of the provider is loaded as an object before it is changed by a statement."""


def insert_if_new(
    executor: Executor, model: type[Base], row: Mapping[str, Any]
) -> sqlite.Insert | postgresql.Insert:
    """An insert that does nothing when the row is there, whoever put it there first."""
    if dialect_of(executor) == "sqlite":
        return sqlite.insert(model).values(row).on_conflict_do_nothing()
    return postgresql.insert(model).values(row).on_conflict_do_nothing()
