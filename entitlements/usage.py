"""How often organisations were answered what: counted in memory, written in batches.

What is counted is written every few seconds and when the server stops. What could not be written
stays counted. Only a process that is killed loses what it counted since the last batch.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.callers import Caller
from entitlements.partner_models import CredentialKind
from entitlements.redemption_models import PartnerUsage
from identity.executors import dialect_of

MOST_DAYS: Final = 366


class Used(StrEnum):
    """What is counted."""

    CHECK_YES = "check-yes"
    CHECK_NO = "check-no"
    CHECK_UNKNOWN = "check-unknown"
    REDEMPTIONS_HELD = "redemptions-held"
    REDEMPTIONS_CONFIRMED = "redemptions-confirmed"
    REDEMPTIONS_CANCELLED = "redemptions-cancelled"
    REFUSED = "refused"


class Counting(msgspec.Struct, frozen=True, order=True):
    """Of whom, when and what; written in this order, so that no two batches lock crosswise."""

    organisation_id: UUID
    kind: CredentialKind
    day: date
    what: Used


class UsedThatDay(msgspec.Struct, frozen=True):
    """How often one thing was answered on one day in London."""

    day: date
    what: Used
    times: int


Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Tally:
    """Counts of this process that are not written yet."""

    def __init__(self) -> None:
        self._counted: Counter[Counting] = Counter()

    def count(self, caller: Caller, what: Used, on: date, *, times: int = 1) -> None:
        """Count something an organisation was answered."""
        self._counted[Counting(caller.organisation_id, caller.kind, on, what)] += times

    async def write(self, transaction: Transaction) -> None:
        """Write everything; what cannot be written stays counted.

        Raises:
            SQLAlchemyError: the database does not take it.
        """
        if not self._counted:
            return
        batch, self._counted = self._counted, Counter()
        try:
            async with transaction() as session:
                await _add(session, batch)
        except BaseException:
            self._counted.update(batch)
            raise


async def of(
    session: AsyncSession, caller: Caller, first: date, last: date
) -> Sequence[UsedThatDay]:
    """What was written of an organisation's credential, by day and what, both days included."""
    query = (
        select(PartnerUsage.day, PartnerUsage.what, PartnerUsage.times)
        .where(
            PartnerUsage.organisation_id == caller.organisation_id,
            PartnerUsage.kind == caller.kind,
            PartnerUsage.day >= first,
            PartnerUsage.day <= last,
        )
        .order_by(PartnerUsage.day, PartnerUsage.what)
    )
    rows = await session.execute(query)
    return tuple(UsedThatDay(row.day, Used(row.what), row.times) for row in rows)


async def _add(session: AsyncSession, batch: Mapping[Counting, int]) -> None:
    insert = sqlite.insert if dialect_of(session) == "sqlite" else postgresql.insert
    for counting, times in sorted(batch.items()):
        adding = insert(PartnerUsage).values(
            organisation_id=counting.organisation_id,
            kind=counting.kind,
            day=counting.day,
            what=counting.what.value,
            times=times,
        )
        keys = [column.name for column in PartnerUsage.__table__.primary_key]
        await session.execute(
            adding.on_conflict_do_update(
                index_elements=keys, set_={"times": PartnerUsage.times + adding.excluded.times}
            )
        )
