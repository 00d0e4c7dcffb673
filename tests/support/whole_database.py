"""Every value of every column of every table, as whoever stole the database would read them."""

from collections.abc import AsyncIterator, Iterable
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import MetaData, Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.errors import PersonErased, SealBroken, UnknownKey
from identity.personal import PersonVault, Vault


class Value(NamedTuple):
    """Where something stands and what it is."""

    place: str
    value: Any


async def every_value(session: AsyncSession) -> AsyncIterator[tuple[Table, dict[str, Any]]]:
    """Every row, read without our models, so that no table is left out."""
    metadata = MetaData()
    connection = await session.connection()
    await connection.run_sync(metadata.reflect)
    for table in metadata.sorted_tables:
        for row in (await session.execute(select(table))).mappings():
            yield table, dict(row)


def as_bytes(value: Any) -> bytes:  # noqa: ANN401  (whatever a column holds)
    """What would be found by looking for bytes in a copy of the database."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, (date, datetime)):
        return value.isoformat().encode()
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value)
    return b"" if value is None else str(value).encode()


async def places_of(
    session: AsyncSession, vault: Vault, needles: dict[str, bytes], keys: dict[UUID, bytes]
) -> set[str]:
    """Where something of this is found, as it is or opened with any key there is.

    Args:
        session: reads the whole database.
        vault: holds the store's keys.
        needles: what it is -> its bytes; letters are compared without case.
        keys: of every person whose key is still there.

    Returns:
        Each as `table.column: what`.
    """
    found = set()
    async for table, row in every_value(session):
        for column, value in row.items():
            texts = [as_bytes(value)]
            if column.startswith("sealed_") and value:
                texts += _opened(vault, keys.values(), table.name, column, row, value)
            for name, needle in needles.items():
                if any(needle.lower() in text.lower() for text in texts):
                    found.add(f"{table.name}.{column}: {name}")
    return found


def _opened(
    vault: Vault,
    keys: Iterable[bytes],
    table: str,
    column: str,
    row: dict[str, Any],
    value: bytes,
) -> list[bytes]:
    """Everything that it opens to, for any row id that the row holds."""
    named = (each for name, each in row.items() if name == "id" or name.endswith("_id"))
    opened = []
    for row_id in {found for each in named if (found := _uuid(each)) is not None}:
        for personal in [PersonVault(vault, None), *(PersonVault(vault, key) for key in keys)]:
            try:
                opened.append(personal.open(table, column, row_id, value).encode())
            except (SealBroken, PersonErased, UnknownKey):
                continue
    return opened


def _uuid(value: Any) -> UUID | None:  # noqa: ANN401  (whatever a column holds)
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError:
        return None
