"""A grant that runs out is ended on the day after, even when nothing else says to look again."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from cardservice.reassessing import Reassessed, reassess_due
from entitlements import assessing, grants
from entitlements.grants import EndReason
from entitlements.models import Grant, Holder
from identity import accounts
from identity.evidence import DocumentShown, Proof
from identity.models import Account, AccountState
from identity.personal import Vault
from readers.contract.services import Service
from tests.support.people import CLERK, JEAN, NOW

LEISURE = "leisure-tonbridge-and-malling"
AWARD = DocumentShown("universal-credit", dated_on=date(2026, 11, 1))
LAST_DAY = date(2028, 5, 21)
"""Eighteen months from 22 November 2026."""
DAY_AFTER = LAST_DAY + timedelta(days=1)
YOUNG = msgspec.structs.replace(JEAN, birth_date=date(1990, 7, 31), postcode="TN9 1BH", email="")


def _morning(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 8, tzinfo=UTC)


async def _given_leisure(database: Database, vault: Vault) -> UUID:
    """A resident with a leisure pass given on Universal Credit, and no new evidence since."""
    async with database.transaction() as session:
        resident = (await accounts.register(session, vault, YOUNG, actor=CLERK, now=NOW)).id
        await accounts.sight_document(
            session, vault, resident, AWARD, Proof.BENEFIT, actor=CLERK, now=NOW
        )
        await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
    return resident


async def _leisure(session: AsyncSession, resident: UUID) -> Grant:
    found = [each for each in await grants.history(session, resident) if each.scheme == LEISURE]
    assert len(found) == 1
    return found[0]


async def test_a_leisure_pass_runs_out_after_its_evidence_has_aged_and_is_ended(
    migrated: Database, vault: Vault
) -> None:
    resident = await _given_leisure(migrated, vault)

    # The award counts for three months. Then new proof is needed, and the pass goes on.
    assert await reassess_due(migrated, vault, now=_morning(date(2027, 2, 2))) == (Reassessed(1, 0))
    assert await reassess_due(migrated, vault, now=_morning(LAST_DAY)) == (Reassessed(0, 0))
    async with migrated.transaction() as session:
        given = await _leisure(session, resident)
        assert (given.valid_until, given.ended_at) == (LAST_DAY, None)
        assert await assessing.due(session, LAST_DAY) == []
        assert await assessing.due(session, DAY_AFTER) == [resident]
        version = (await session.get_one(Holder, resident)).version

    assert await reassess_due(migrated, vault, now=_morning(DAY_AFTER)) == (Reassessed(1, 0))
    async with migrated.transaction() as session:
        given = await _leisure(session, resident)
        assert given.ended_reason == EndReason.EXPIRED
        assert given.ended_at == _morning(DAY_AFTER)
        assert (await session.get_one(Holder, resident)).version == version + 1
        assert await assessing.due(session, DAY_AFTER) == []


async def test_a_grant_of_a_scheme_that_is_no_more_is_ended_when_it_runs_out(
    migrated: Database, vault: Vault
) -> None:
    resident = await _given_leisure(migrated, vault)
    async with migrated.transaction() as session:
        gone = Grant(
            account_id=resident,
            scheme="leisure-of-old",
            service=Service.LEISURE,
            entitlement_class="leisure-pass",
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 11, 22),
            granted_at=NOW,
        )
        session.add(gone)
    assert await reassess_due(migrated, vault, now=NOW) == Reassessed(0, 0)
    tomorrow = NOW + timedelta(days=1)
    assert await reassess_due(migrated, vault, now=tomorrow) == Reassessed(1, 0)
    assert await reassess_due(migrated, vault, now=tomorrow) == Reassessed(0, 0)
    async with migrated.transaction() as session:
        assert (await session.get_one(Grant, gone.id)).ended_reason == EndReason.EXPIRED
        assert LEISURE in await grants.open_by_scheme(session, resident)


async def test_whoever_is_due_twice_over_is_listed_once_and_pages_follow_each_other(
    migrated: Database, vault: Vault
) -> None:
    residents = sorted([await _given_leisure(migrated, vault) for _ in range(3)])
    async with migrated.transaction() as session:
        # Never looked at since: the evidence aged and the pass ran out.
        assert await assessing.due(session, DAY_AFTER) == residents
        first = await assessing.due(session, DAY_AFTER, limit=2)
        assert first == residents[:2]
        assert await assessing.due(session, DAY_AFTER, after=first[-1]) == residents[2:]


async def test_nothing_is_decided_for_a_closed_account(migrated: Database, vault: Vault) -> None:
    resident = await _given_leisure(migrated, vault)
    async with migrated.transaction() as session:
        (await session.get_one(Account, resident)).state = AccountState.CLOSED
    async with migrated.transaction() as session:
        assert await assessing.due(session, DAY_AFTER) == []
