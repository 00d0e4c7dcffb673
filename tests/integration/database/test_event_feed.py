"""The feed loses nothing and changes no order, however transactions overlap."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import delete

from cardservice.database import Database
from entitlements import event_feed
from entitlements.event_feed import NotYet, Page, TooOld
from entitlements.event_models import PartnerEvent
from entitlements.partner_models import CredentialKind
from tests.support import hooks

LIVE = CredentialKind.LIVE


@pytest.fixture
async def theatre(migrated: Database) -> UUID:
    async with migrated.transaction() as session:
        return await hooks.organisation(session)


async def happens(database: Database, organisation: UUID, *subjects: str) -> None:
    async with database.transaction() as session:
        for subject in subjects:
            await hooks.happened(session, organisation, subject)


async def page(
    database: Database, organisation: UUID, after: int | None = None, *, most: int = 100
) -> Page:
    async with database.transaction() as session:
        found = await event_feed.read(session, organisation, LIVE, after, most=most)
    assert isinstance(found, Page), found
    return found


def subjects(found: Page) -> list[str | None]:
    return [event.subject for event in found.events]


async def test_a_feed_is_read_page_by_page(migrated: Database, theatre: UUID) -> None:
    await happens(migrated, theatre, "a", "b", "c")
    first = await page(migrated, theatre, most=2)
    assert (subjects(first), first.more) == (["a", "b"], True)
    second = await page(migrated, theatre, first.after, most=2)
    assert (subjects(second), second.more) == (["c"], False)
    third = await page(migrated, theatre, second.after)
    assert (subjects(third), third.after, third.more) == ([], second.after, False)
    await happens(migrated, theatre, "d")
    assert subjects(await page(migrated, theatre, third.after)) == ["d"]
    assert subjects(await page(migrated, theatre, first.after)) == ["c", "d"]


async def test_an_empty_feed_has_a_place_to_go_on_from(migrated: Database, theatre: UUID) -> None:
    empty = await page(migrated, theatre)
    assert (subjects(empty), empty.more) == ([], False)
    await happens(migrated, theatre, "a")
    assert subjects(await page(migrated, theatre, empty.after)) == ["a"]


async def test_what_is_committed_late_comes_after_what_was_read_before_it(
    migrated: Database, theatre: UUID
) -> None:
    """The case that sequence numbers get wrong: an earlier number, committed later."""
    if migrated.on_sqlite:
        pytest.skip("SQLite has one writer at a time, so no two transactions overlap")
    async with migrated.transaction() as slow:
        await hooks.happened(slow, theatre, "slow")
        await happens(migrated, theatre, "quick")
        first = await page(migrated, theatre)
        assert subjects(first) == ["quick"]
    second = await page(migrated, theatre, first.after)
    assert subjects(second) == ["slow"]
    assert subjects(await page(migrated, theatre)) == ["quick", "slow"]


async def test_whoever_reads_while_others_write_gets_everything_once(
    migrated: Database, theatre: UUID
) -> None:
    async def write(writer: int) -> None:
        for number in range(8):
            await happens(migrated, theatre, f"{writer}-{number}")

    async def follow() -> list[str | None]:
        seen: list[str | None] = []
        after = None
        for _ in range(400):
            found = await page(migrated, theatre, after, most=3)
            seen, after = seen + subjects(found), found.after
            if len(seen) == 32:
                break
            await asyncio.sleep(0)
        return seen

    writing = asyncio.gather(*(write(each) for each in range(4)))
    one, other = await asyncio.gather(follow(), follow())
    await writing
    assert one == other
    assert sorted(map(str, one)) == sorted(f"{w}-{n}" for w in range(4) for n in range(8))
    for writer in range(4):
        mine = [each for each in one if str(each).startswith(f"{writer}-")]
        assert mine == [f"{writer}-{number}" for number in range(8)]


async def test_each_partner_reads_its_own_events(migrated: Database, theatre: UUID) -> None:
    async with migrated.transaction() as session:
        pool = await hooks.organisation(session, "Example Pool")
    await happens(migrated, theatre, "a")
    await happens(migrated, pool, "b")
    assert subjects(await page(migrated, theatre)) == ["a"]
    assert subjects(await page(migrated, pool)) == ["b"]


async def test_a_reader_who_was_away_too_long_is_told_so(migrated: Database, theatre: UUID) -> None:
    await happens(migrated, theatre, "a", "b", "c")
    first = await page(migrated, theatre, most=1)
    async with migrated.transaction() as session:
        old = PartnerEvent.subject.in_(["a", "b"])
        await session.execute(delete(PartnerEvent).where(old))
        found = await event_feed.read(session, theatre, LIVE, first.after)
    assert found == TooOld(2)
    assert subjects(await page(migrated, theatre, 2)) == ["c"]
    assert subjects(await page(migrated, theatre)) == ["c"]


async def test_positions_go_on_when_everything_old_was_removed(
    migrated: Database, theatre: UUID
) -> None:
    await happens(migrated, theatre, "a", "b")
    last = await page(migrated, theatre)
    async with migrated.transaction() as session:
        await session.execute(delete(PartnerEvent))
    assert subjects(await page(migrated, theatre, last.after)) == []
    await happens(migrated, theatre, "c")
    assert subjects(await page(migrated, theatre, last.after)) == ["c"]
    async with migrated.transaction() as session:
        assert await event_feed.read(session, theatre, LIVE, last.after - 1) == TooOld(last.after)


async def test_a_place_that_no_page_ended_at_is_refused(migrated: Database, theatre: UUID) -> None:
    await happens(migrated, theatre, "a")
    async with migrated.transaction() as session:
        assert await event_feed.read(session, theatre, LIVE, 7) == NotYet()


async def test_nobody_who_writes_waits_for_a_reader(migrated: Database, theatre: UUID) -> None:
    if migrated.on_sqlite:
        pytest.skip("SQLite has one writer at a time")
    async with migrated.transaction() as reading:
        await event_feed.read(reading, theatre, LIVE, None)
        async with asyncio.timeout(10):
            await happens(migrated, theatre, "a")
    assert subjects(await page(migrated, theatre)) == ["a"]


async def test_the_sandbox_has_a_feed_of_its_own(migrated: Database, theatre: UUID) -> None:
    await happens(migrated, theatre, "a")
    async with migrated.transaction() as session:
        test_card = await hooks.happened(session, theatre, "test-card")
        test_card.kind = CredentialKind.SANDBOX
    assert subjects(await page(migrated, theatre)) == ["a"]
    async with migrated.transaction() as session:
        found = await event_feed.read(session, theatre, CredentialKind.SANDBOX, None)
    assert isinstance(found, Page)
    assert subjects(found) == ["test-card"]
