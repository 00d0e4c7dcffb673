"""Somebody registered at a desk claims that account with a code on paper."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from cardservice.database import Database
from identity import accounts, activation, deaths
from identity.activation import NOT_ACTIVATED, Given, NotActivated
from identity.devices import Browser
from identity.errors import NoSuchAccount, WrongAccountState
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn
from identity.signin_models import ActivationCode, Session
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
LASTS = timedelta(days=28)
BORN = "31/7/1960"


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    async with migrated.transaction() as session:
        return (await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)).id


async def give(database: Database, vault: Vault, account: UUID) -> Given:
    async with database.transaction() as session:
        return await activation.give(session, vault, account, lasts=LASTS, actor=CLERK, now=NOW)


async def redeem(
    database: Database, vault: Vault, code: str, born: str = BORN, *, now: datetime = NOW
) -> SignedIn | CodeNeeded | NotActivated:
    async with database.transaction() as session:
        return await activation.redeem(session, vault, code, born, browser=LAPTOP, now=now)


async def test_the_code_and_the_birth_date_open_the_same_account_once(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    given = await give(migrated, vault, jean)
    assert given.expires_at == NOW + LASTS
    typed = given.code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    done = await redeem(migrated, vault, f" {typed} ")
    assert isinstance(done, SignedIn)
    assert done.actor.id == str(jean)
    assert await redeem(migrated, vault, given.code) == NOT_ACTIVATED
    async with migrated.transaction() as session:
        actions = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
        stored = (await session.scalars(select(ActivationCode))).one()
        assert given.code.replace("-", "").encode() not in stored.code_hash
    assert actions[1:] == [
        "activation-code-given",
        "activation-code-used",
        "resident-signed-in",
        "activation-code-refused",
    ]


@pytest.mark.parametrize("born", ["30/7/1960", "", "x", "31/7/19600", "1/1/1", "\ud800"])
async def test_a_wrong_birth_date_and_a_wrong_code_are_answered_alike(
    migrated: Database, vault: Vault, jean: UUID, born: str
) -> None:
    given = await give(migrated, vault, jean)
    assert await redeem(migrated, vault, given.code, born) == NOT_ACTIVATED
    for wrong in ("", "ABCD-EFGH-JKMN", "x" * 10_000, "\x00", "\ud800"):
        assert await redeem(migrated, vault, wrong) == NOT_ACTIVATED
    assert isinstance(await redeem(migrated, vault, given.code), SignedIn)


@pytest.mark.parametrize(("failures", "works"), [(4, True), (5, False)])
async def test_five_wrong_birth_dates_end_the_code(
    migrated: Database, vault: Vault, jean: UUID, failures: int, *, works: bool
) -> None:
    given = await give(migrated, vault, jean)
    for _ in range(failures):
        assert await redeem(migrated, vault, given.code, "1/1/1970") == NOT_ACTIVATED
    assert isinstance(await redeem(migrated, vault, given.code), SignedIn) is works


async def test_of_ten_who_use_one_code_at_once_one_is_in(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    given = await give(migrated, vault, jean)
    done = await asyncio.gather(*(redeem(migrated, vault, given.code) for _ in range(10)))
    assert sum(isinstance(one, SignedIn) for one in done) == 1
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Session)) == 1


@pytest.mark.parametrize(("early", "works"), [(1, True), (0, False)])
async def test_a_code_lasts_as_long_as_it_says(
    migrated: Database, vault: Vault, jean: UUID, early: int, *, works: bool
) -> None:
    given = await give(migrated, vault, jean)
    at = given.expires_at - timedelta(seconds=early)
    assert isinstance(await redeem(migrated, vault, given.code, now=at), SignedIn) is works


async def test_a_new_code_ends_the_one_before(migrated: Database, vault: Vault, jean: UUID) -> None:
    first, second = await give(migrated, vault, jean), await give(migrated, vault, jean)
    assert await redeem(migrated, vault, first.code) == NOT_ACTIVATED
    assert isinstance(await redeem(migrated, vault, second.code), SignedIn)


async def test_a_death_ends_the_code_for_good(migrated: Database, vault: Vault, jean: UUID) -> None:
    given = await give(migrated, vault, jean)
    async with migrated.transaction() as session:
        await deaths.close(session, vault, jean, actor=CLERK, now=NOW)
    assert await redeem(migrated, vault, given.code) == NOT_ACTIVATED
    with pytest.raises(WrongAccountState, match="closed"):
        await give(migrated, vault, jean)
    async with migrated.transaction() as session:
        await session.execute(update(Account).values(state=AccountState.ACTIVE))
    assert await redeem(migrated, vault, given.code) == NOT_ACTIVATED


async def test_nobody_gets_a_code_for_no_account(migrated: Database, vault: Vault) -> None:
    with pytest.raises(NoSuchAccount):
        await give(migrated, vault, UUID(int=1))
