"""Before something a resident showed us is over they are told what to do: once for each notice."""

from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import update

from cardservice import jobs
from cardservice.database import Database
from entitlements import assessing, grants
from entitlements.models import Grant
from identity import accounts, outbox
from identity.evidence import DocumentShown, Proof
from identity.models import Account, AccountState
from identity.personal import Vault
from tests.support.applicants import registered
from tests.support.people import CLERK, JEAN, NOW

DAYS = (28, 7)
LETTER = DocumentShown("pip-moving-around", dated_on=NOW.date())
TOO_OLD = date(2027, 11, 22)
"""The last day of a letter of 22 November 2026."""
BADGE_ENDS = date(2027, 3, 2)
BADGE = DocumentShown("blue-badge", expires_on=BADGE_ENDS)
YOUNGER = msgspec.structs.replace(JEAN, birth_date=date(1980, 5, 5))


async def somebody(database: Database, vault: Vault, shown: DocumentShown) -> UUID:
    async with database.transaction() as session:
        account = await registered(session, vault, YOUNGER)
        await accounts.sight_document(
            session, vault, account.id, shown, Proof.DISABILITY, actor=CLERK, now=NOW
        )
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


async def announced(database: Database, vault: Vault, last: date, days_before: int) -> int:
    now = NOW + (last - timedelta(days=days_before) - NOW.date())
    done = await jobs.announce_ends_of_proof(database, vault, days=DAYS, now=now)
    assert done.failed == 0
    return done.told


async def texts(database: Database, vault: Vault) -> list[str]:
    async with database.transaction() as session:
        sent = await outbox.messages(session, vault)
        return [each.text for each in sent if each.kind == "proof-ends"]


async def test_who_has_a_badge_from_elsewhere_is_told_before_it_ends_once_each(
    migrated: Database, vault: Vault
) -> None:
    await somebody(migrated, vault, BADGE)
    days = (29, 28, 27, 8, 7, 6, 0, -1)
    told = [await announced(migrated, vault, BADGE_ENDS, before) for before in days]
    assert told == [0, 1, 0, 0, 1, 0, 0, 0]
    text = (await texts(migrated, vault))[0]
    assert "ends after 2 March 2027" in text
    assert "Renew it where you got it" in text
    assert "Badge" not in text


async def test_a_badge_that_was_renewed_is_announced_by_its_new_end(
    migrated: Database, vault: Vault
) -> None:
    account_id = await somebody(migrated, vault, BADGE)
    renewed = msgspec.structs.replace(BADGE, expires_on=BADGE_ENDS + timedelta(days=1000))
    async with migrated.transaction() as session:
        await accounts.sight_document(
            session, vault, account_id, renewed, Proof.DISABILITY, actor=CLERK, now=NOW
        )
        await assessing.assess(session, vault, account_id, actor=CLERK, now=NOW)
    assert await announced(migrated, vault, BADGE_ENDS, 7) == 0
    assert await announced(migrated, vault, BADGE_ENDS + timedelta(days=1000), 7) == 1


async def test_proof_that_grows_old_while_what_was_given_goes_on_is_announced(
    migrated: Database, vault: Vault
) -> None:
    account_id = await somebody(migrated, vault, LETTER)
    async with migrated.transaction() as session:
        held = (await grants.open_by_scheme(session, account_id))["travel-disabled"]
        assert held.valid_until > TOO_OLD
    days = (29, 28, 27, 7, 6)
    told = [await announced(migrated, vault, TOO_OLD, before) for before in days]
    assert told == [0, 1, 0, 1, 0]
    text = (await texts(migrated, vault))[0]
    assert "counts until 22 November 2027" in text
    assert "You keep what you have" in text
    assert "PIP" not in text


async def test_where_the_grant_ends_with_its_proof_the_end_alone_is_announced(
    migrated: Database, vault: Vault
) -> None:
    await somebody(migrated, vault, LETTER)
    async with migrated.transaction() as session:
        ends = update(Grant).where(Grant.scheme == "travel-disabled")
        await session.execute(ends.values(valid_until=TOO_OLD))
    assert await announced(migrated, vault, TOO_OLD, 7) == 0
    done = await jobs.announce_ends(
        migrated, vault, days=DAYS, now=NOW + (TOO_OLD - timedelta(days=7) - NOW.date())
    )
    assert done.told == 1


@pytest.mark.parametrize("state", [AccountState.CLOSED, AccountState.ERASED])
async def test_the_dead_and_the_erased_are_told_of_no_proof(
    migrated: Database, vault: Vault, state: AccountState
) -> None:
    account_id = await somebody(migrated, vault, BADGE)
    async with migrated.transaction() as session:
        (await session.get_one(Account, account_id)).state = state
    assert await announced(migrated, vault, BADGE_ENDS, 7) == 0


async def test_one_persons_damage_keeps_nobody_else_from_being_told_of_proof(
    migrated: Database, vault: Vault
) -> None:
    damaged = await somebody(migrated, vault, BADGE)
    async with migrated.transaction() as session:
        (await session.get_one(Account, damaged)).sealed_birth_date = b"\x02 damaged"
        other = await registered(
            session, vault, msgspec.structs.replace(YOUNGER, email="other@example.com")
        )
        await accounts.sight_document(
            session, vault, other.id, BADGE, Proof.DISABILITY, actor=CLERK, now=NOW
        )
        await assessing.assess(session, vault, other.id, actor=CLERK, now=NOW)
    now = NOW + (BADGE_ENDS - timedelta(days=7) - NOW.date())
    done = await jobs.announce_ends_of_proof(migrated, vault, days=DAYS, now=now)
    assert (done.told, done.failed) == (1, 1)
