"""A run over everybody finds those whose answer is not today's, and writes nothing else."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import reassessing
from cardservice.database import Database
from cardservice.reassessing import Progress
from entitlements import assessing, grants, reassessment
from entitlements.models import Assessment, Grant
from entitlements.reassessment import Scanned
from identity import accounts
from identity.evidence import DocumentShown, Proof
from identity.models import Account, AccountState
from identity.personal import Vault
from readers.contract.windows import london_date
from tests.support.people import CLERK, JEAN, NOW

DUE = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
"""Jean, born on 31 July 1960, reaches pensionable age on 30 November 2026."""
YOUNG = msgspec.structs.replace(JEAN, birth_date=date(1990, 1, 1))


async def register(database: Database, vault: Vault, n: int, *, young: bool = False) -> UUID:
    details = msgspec.structs.replace(YOUNG if young else JEAN, email=f"r{n}@example.com")
    async with database.transaction() as session:
        account = await accounts.register(session, vault, details, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
    return account.id


async def out_of_date(database: Database, vault: Vault, on: date) -> Sequence[UUID]:
    async with database.transaction() as session:
        return (await reassessment.scan(session, vault, on)).out_of_date


async def rows(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Assessment)) or 0


async def run(database: Database, vault: Vault, now: datetime) -> list[Progress]:
    async with database.transaction() as session:
        if await reassessment.under_way(session) is None:
            await reassessment.begin(session, "a test", now=now)
    return [each async for each in reassessing.reassess_everybody(database, vault, now=now)]


async def test_once_the_days_list_is_done_a_look_at_everybody_finds_nobody(
    migrated: Database, vault: Vault
) -> None:
    due = tuple(sorted([await register(migrated, vault, n) for n in range(3)]))
    for n in range(3, 5):
        await register(migrated, vault, n, young=True)
    day = NOW
    for days in (0, 1, 8, 9, 400):  # nothing, nothing, the day, nothing, evidence and years later
        day = NOW + timedelta(days=days)
        async with migrated.transaction() as session:
            listed = await assessing.due(session, london_date(day))
        assert set(await out_of_date(migrated, vault, london_date(day))) <= set(listed)
        if days == 8:
            assert await out_of_date(migrated, vault, london_date(day)) == tuple(listed) == due
        await reassessing.reassess_due(migrated, vault, now=day)
        assert await out_of_date(migrated, vault, london_date(day)) == ()


async def test_only_what_changed_is_written(migrated: Database, vault: Vault) -> None:
    await register(migrated, vault, 1)
    await register(migrated, vault, 2, young=True)
    before = await rows(migrated)
    assert (await run(migrated, vault, NOW))[-1] == Progress(2, 0, 0, finished=True)
    assert await rows(migrated) == before
    assert (await run(migrated, vault, DUE))[-1] == Progress(2, 1, 0, finished=True)
    # The pass, the disabled person's that it goes before, and the companion who needs either.
    assert await rows(migrated) == before + 3


async def test_a_run_that_was_broken_off_goes_on_where_it_was(
    migrated: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await register(migrated, vault, n) for n in range(5)]
    whole = reassessment.scan

    async def two_at_a_time(
        session: AsyncSession, vault: Vault, on: date, *, after: UUID | None = None
    ) -> Scanned:
        return await whole(session, vault, on, after=after, limit=2)

    monkeypatch.setattr(reassessment, "scan", two_at_a_time)
    async with migrated.transaction() as session:
        await reassessment.begin(session, "a test", now=DUE)
    async for progress in reassessing.reassess_everybody(migrated, vault, now=DUE):
        assert progress == Progress(2, 2, 0, finished=False)
        break
    assert await run(migrated, vault, DUE) == [
        Progress(4, 4, 0, finished=False),
        Progress(5, 5, 0, finished=False),
        Progress(5, 5, 0, finished=True),
    ]
    async with migrated.transaction() as session:
        given = select(func.count()).select_from(Grant).where(Grant.scheme == "travel-older")
        assert await session.scalar(given) == len(people)
        assert await reassessment.under_way(session) is None


async def test_nothing_is_given_to_the_dead_and_one_damaged_record_keeps_nobody_back(
    migrated: Database, vault: Vault
) -> None:
    dead, damaged, well = [await register(migrated, vault, n) for n in range(3)]
    async with migrated.transaction() as session:
        (await session.get_one(Account, dead)).state = AccountState.CLOSED
        (await session.get_one(Account, damaged)).sealed_birth_date = b"damaged"
    assert (await run(migrated, vault, DUE))[-1] == Progress(2, 1, 1, finished=True)
    async with migrated.transaction() as session:
        held = {
            each: {given.scheme for given in await grants.current(session, each, london_date(DUE))}
            for each in (dead, well)
        }
    assert held == {dead: {"library"}, well: {"library", "travel-older"}}


async def test_a_document_that_nobody_decided_on_is_found(migrated: Database, vault: Vault) -> None:
    resident = await register(migrated, vault, 1)
    letter = DocumentShown("disability-d-walking", dated_on=date(2026, 9, 1))
    async with migrated.transaction() as session:
        await accounts.sight_document(
            session, vault, resident, letter, Proof.DISABILITY, actor=CLERK, now=NOW
        )
        assert await assessing.due(session, london_date(NOW)) == []
    assert await out_of_date(migrated, vault, london_date(NOW)) == (resident,)


async def test_a_run_that_begins_anew_ends_the_one_before(migrated: Database, vault: Vault) -> None:
    await register(migrated, vault, 1)
    async with migrated.transaction() as session:
        first = await reassessment.begin(session, "one", now=NOW)
        second = await reassessment.begin(session, "two", now=DUE)
        assert first.finished_at == DUE
        found = await reassessment.under_way(session)
        assert found is not None
        assert found.id == second.id
        newest = await reassessment.newest(session)
        assert newest is not None
        assert newest.reason == "two"
