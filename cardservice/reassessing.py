"""Deciding anew for many residents: the day's list, and runs over everybody."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from cardservice.database import Database
from entitlements import assessing, publishing, reassessment
from entitlements.models import RunState
from identity.actors import SYSTEM
from identity.personal import Vault
from readers.contract.windows import london_date

_LOG: Final = structlog.get_logger(__name__)


class Reassessed(msgspec.Struct, frozen=True):
    """How a run went: residents decided for, and residents whose decision failed."""

    decided: int
    failed: int


class Progress(msgspec.Struct, frozen=True):
    """How far a run over everybody is.

    Attributes:
        looked_at: residents, since it began.
        changed: of them, those for whom something was written.
        failed: those who could not be decided for.
        finished: whether that was everybody.
    """

    looked_at: int
    changed: int
    failed: int
    finished: bool


async def reassess_due(database: Database, vault: Vault, *, now: datetime) -> Reassessed:
    """Decide again for every resident whose answer may have changed by today.

    Each resident is a transaction: a run that is broken off goes on where it stopped, and one
    resident's fault keeps nobody else from theirs.
    """
    decided = failed = 0
    after: UUID | None = None
    while True:
        async with database.transaction() as session:
            page = await assessing.due(session, london_date(now), after=after)
        if not page:
            return Reassessed(decided, failed)
        wrong = await _assess_each(database, vault, page, now)
        decided, failed = decided + len(page) - wrong, failed + wrong
        after = page[-1]


async def reassess_everybody(
    database: Database, vault: Vault, *, now: datetime
) -> AsyncIterator[Progress]:
    """Go on with the run over everybody that is under way; progress after each page.

    Nothing is written for those whose answers stand. Progress is stored with each page: a run that
    was broken off goes on from there, and looks again at no more than a page.
    """
    async with database.transaction() as session:
        run = await reassessment.under_way(session)
    after = None if run is None else run.after
    while run is not None:
        async with database.transaction() as session:
            page = await reassessment.scan(session, vault, london_date(now), after=after)
        wrong = await _assess_each(database, vault, page.out_of_date, now)
        changed, failed = len(page.out_of_date) - wrong, wrong + len(page.unreadable)
        async with database.transaction() as session:
            counts = {"changed": changed, "failed": failed}
            run = await reassessment.advance(session, run.id, page, **counts, now=now)
        finished = run.state is RunState.FINISHED
        yield Progress(run.looked_at, run.changed, run.failed, finished)
        after = page.last
        run = None if finished else run


async def count_consequences(database: Database, vault: Vault, *, now: datetime) -> int:
    """Count what each waiting publication would do, unless that is done; how many were."""
    async with database.transaction() as session:
        uncounted = [
            row.id for row in await publishing.waiting(session) if row.consequences is None
        ]
    for publication_id in uncounted:
        async with database.transaction() as session:
            await publishing.count(session, vault, publication_id, now=now)
    return len(uncounted)


async def _assess_each(
    database: Database, vault: Vault, account_ids: Iterable[UUID], now: datetime
) -> int:
    """Each in a transaction of their own; how many failed."""
    failed = 0
    for account_id in account_ids:
        try:
            async with database.transaction() as session:
                await assessing.assess(session, vault, account_id, actor=SYSTEM, now=now)
        except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
            _LOG.exception("reassessment failed", account=str(account_id))
            failed += 1
    return failed
