"""How often machines were answered what: counted in memory, written in batches.

No number is kept: what a library asked about whom is nobody's business afterwards. Only a process
that is killed loses what it counted since the last batch.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.library_models import LibraryUsage
from entitlements.memberships import Membership, NobodysNumber
from identity.executors import dialect_of


class What(StrEnum):
    """What a machine was answered."""

    VALID = "valid"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class _Counting(msgspec.Struct, frozen=True, order=True):
    machine_id: UUID
    day: date
    what: What


class Tally:
    """Counts of this process that are not written yet."""

    def __init__(self) -> None:
        self._counted: Counter[_Counting] = Counter()

    def count(self, machine_id: UUID, found: Membership | NobodysNumber, on: date) -> None:
        """Count one answer."""
        what = What(found.standing.value) if isinstance(found, Membership) else What.UNKNOWN
        self._counted[_Counting(machine_id, on, what)] += 1

    async def write(
        self, transaction: Callable[[], AbstractAsyncContextManager[AsyncSession]]
    ) -> None:
        """Write everything; what cannot be written stays counted.

        Raises:
            SQLAlchemyError: the database does not take it.
        """
        if not self._counted:
            return
        batch, self._counted = self._counted, Counter()
        try:
            async with transaction() as session:
                for counting, times in sorted(batch.items()):
                    await _add(session, counting, times)
        except BaseException:
            self._counted.update(batch)
            raise


async def _add(session: AsyncSession, counting: _Counting, times: int) -> None:
    insert = sqlite.insert if dialect_of(session) == "sqlite" else postgresql.insert
    adding = insert(LibraryUsage).values(**msgspec.structs.asdict(counting), times=times)
    await session.execute(
        adding.on_conflict_do_update(
            index_elements=["machine_id", "day", "what"],
            set_={"times": LibraryUsage.times + adding.excluded.times},
        )
    )
