"""Before something ends its holder is told what to do: once for each notice, if they live."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from cardservice import jobs
from cardservice.database import Database
from entitlements import assessing
from entitlements.evidence_models import EndNotice
from entitlements.models import Grant
from identity import accounts, outbox
from identity.evidence import DocumentShown, Proof
from identity.models import Account, AccountState
from identity.personal import Vault
from tests.support.applicants import registered
from tests.support.people import CLERK, NOW

DAYS = (28, 7)
LETTER = DocumentShown("pip-moving-around", dated_on=NOW.date())
LAST = (NOW + timedelta(days=100)).date()


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    """She holds the disabled person's pass, whose evidence will be old when it ends."""
    async with migrated.transaction() as session:
        account = await registered(session, vault)
        await accounts.sight_document(
            session, vault, account.id, LETTER, Proof.DISABILITY, actor=CLERK, now=NOW
        )
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        ends = update(Grant).where(Grant.scheme == "travel-disabled").values(valid_until=LAST)
        await session.execute(ends)
        library = update(Grant).where(Grant.scheme == "library")
        await session.execute(library.values(valid_until=LAST + timedelta(days=365)))
        return account.id


async def announced(database: Database, vault: Vault, days_before: int) -> int:
    now = NOW + timedelta(days=100 - days_before)
    done = await jobs.announce_ends(database, vault, days=DAYS, now=now)
    assert done.failed == 0
    return done.told


async def texts(database: Database, vault: Vault) -> list[str]:
    async with database.transaction() as session:
        sent = await outbox.messages(session, vault)
        return [each.text for each in sent if each.kind == "entitlement-ends"]


@pytest.mark.usefixtures("jean")
async def test_twenty_eight_and_seven_days_before_an_end_its_holder_is_told_once_each(
    migrated: Database, vault: Vault
) -> None:
    told = [await announced(migrated, vault, before) for before in (29, 28, 27, 8, 7, 7, 0, -1)]
    assert told == [0, 1, 0, 0, 1, 0, 0, 0]
    assert len(await texts(migrated, vault)) == 2


@pytest.mark.usefixtures("jean")
async def test_the_message_says_what_to_do_and_not_what_it_is(
    migrated: Database, vault: Vault
) -> None:
    await announced(migrated, vault, 28)
    (text,) = await texts(migrated, vault)
    assert "ends after 2 March 2027" in text
    # She reaches the age for the older person's pass before then, which comes first.
    assert "you cannot have it after that" in text
    assert "bus pass" not in text


@pytest.mark.usefixtures("jean")
async def test_who_was_not_told_in_time_is_told_once_by_the_shorter_notice(
    migrated: Database, vault: Vault
) -> None:
    assert [await announced(migrated, vault, before) for before in (3, 2)] == [1, 0]
    async with migrated.transaction() as session:
        assert (await session.scalars(select(EndNotice.days))).all() == [7]


@pytest.mark.parametrize("state", [AccountState.CLOSED, AccountState.ERASED])
async def test_the_dead_and_the_erased_are_told_nothing(
    migrated: Database, vault: Vault, jean: UUID, state: AccountState
) -> None:
    async with migrated.transaction() as session:
        (await session.get_one(Account, jean)).state = state
    assert await announced(migrated, vault, 28) == 0
    assert await texts(migrated, vault) == []


@pytest.mark.usefixtures("jean")
async def test_what_is_renewed_by_itself_says_that_there_is_nothing_to_do(
    migrated: Database, vault: Vault
) -> None:
    async with migrated.transaction() as session:
        library = update(Grant).where(Grant.scheme == "library")
        await session.execute(library.values(valid_until=LAST - timedelta(days=10)))
    await announced(migrated, vault, 28 + 10)
    (text,) = await texts(migrated, vault)
    assert "You do not need to do anything." in text


async def test_one_persons_damage_keeps_nobody_else_from_being_told(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        (await session.get_one(Account, jean)).sealed_birth_date = b"\x02 damaged"
    now = NOW + timedelta(days=72)
    done = await jobs.announce_ends(migrated, vault, days=DAYS, now=now)
    assert (done.told, done.failed) == (0, 1)
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(EndNotice)) == 0
