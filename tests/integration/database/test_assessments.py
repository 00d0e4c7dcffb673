"""Residents get what the rules give them: decided, granted and ended with nothing asked."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import reassessing
from cardservice.database import Database
from entitlements import assessing, grants
from entitlements.decision import Decision, Eligible, NeedsEvidence, NotEligible
from entitlements.grants import EndReason
from entitlements.models import Assessment, Grant, Holder
from identity import accounts, person_keys
from identity.details import NewResident
from identity.errors import NoSuchAccount
from identity.evidence import DocumentShown, Proof
from identity.models import Account
from identity.personal import Vault
from readers.contract.services import Service
from tests.support.people import CLERK, JEAN, NOW

DUE = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
"""Jean, born on 31 July 1960, reaches pensionable age on 30 November 2026."""
TONBRIDGE = msgspec.structs.replace(JEAN, postcode="TN9 1BH", email="tonbridge@example.com")


async def _register(database: Database, vault: Vault, details: NewResident = JEAN) -> UUID:
    async with database.transaction() as session:
        account = await accounts.register(session, vault, details, actor=CLERK, now=NOW)
    await _assess(database, vault, account.id, NOW)
    return account.id


async def _assess(
    database: Database, vault: Vault, account_id: UUID, now: datetime
) -> Mapping[str, Decision]:
    async with database.transaction() as session:
        decisions = await assessing.assess(session, vault, account_id, actor=CLERK, now=now)
    return {decision.scheme: decision for decision in decisions}


async def _held(database: Database, account_id: UUID, now: datetime) -> set[str]:
    async with database.transaction() as session:
        return {each.scheme for each in await grants.current(session, account_id, now.date())}


async def _version(database: Database, account_id: UUID) -> int:
    async with database.transaction() as session:
        return (await session.get_one(Holder, account_id)).version


async def test_library_membership_is_granted_at_once_and_travel_on_the_day(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    assert await _held(migrated, resident, NOW) == {"library"}

    day_before = await _assess(migrated, vault, resident, DUE - timedelta(days=1))
    assert isinstance(day_before["travel-older"], NotEligible)
    decided = await _assess(migrated, vault, resident, DUE)
    assert isinstance(decided["travel-older"], Eligible)
    assert await _held(migrated, resident, DUE) == {"library", "travel-older"}


async def test_granting_raises_the_holders_version_and_deciding_again_does_not(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    assert await _version(migrated, resident) == 1
    async with migrated.transaction() as session:
        rows = await session.scalar(select(func.count()).select_from(Assessment))
    for hours in (1, 2):
        await _assess(migrated, vault, resident, NOW + timedelta(hours=hours))
    assert await _version(migrated, resident) == 1
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Assessment)) == rows


async def test_what_needs_evidence_is_stored_so_that_a_page_can_say_so(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, TONBRIDGE)
    async with migrated.transaction() as session:
        query = select(Assessment).where(Assessment.scheme == "leisure-tonbridge-and-malling")
        stored = (await session.scalars(query)).one()
        assert stored.outcome == "needs-evidence"
        personal = await person_keys.for_reading(session, vault, resident)
        opened = personal.open("assessment", "sealed_decision", stored.id, stored.sealed_decision)
        explained = await assessing.explain(session, vault, resident, on=NOW.date())
    assert "universal-credit" in opened
    by_scheme = {each.decision.scheme: each for each in explained}
    assert isinstance(by_scheme["leisure-tonbridge-and-malling"].decision, NeedsEvidence)
    assert by_scheme["leisure-tonbridge-and-malling"].held is None
    assert by_scheme["library"].held is not None


@pytest.mark.parametrize(
    ("shown", "proof", "scheme"),
    [
        (
            DocumentShown("universal-credit", dated_on=date(2026, 10, 22)),
            Proof.BENEFIT,
            "leisure-tonbridge-and-malling",
        ),
        (
            DocumentShown("disability-a-sight", dated_on=date(2026, 9, 1)),
            Proof.DISABILITY,
            "travel-disabled",
        ),
    ],
)
async def test_evidence_sighted_once_serves_the_scheme_that_needs_it(
    migrated: Database, vault: Vault, shown: DocumentShown, proof: Proof, scheme: str
) -> None:
    resident = await _register(migrated, vault, TONBRIDGE)
    assert scheme not in await _held(migrated, resident, NOW)
    async with migrated.transaction() as session:
        await accounts.sight_document(session, vault, resident, shown, proof, actor=CLERK, now=NOW)
    await _assess(migrated, vault, resident, NOW)
    assert scheme in await _held(migrated, resident, NOW)


async def test_a_disabled_persons_pass_gives_way_to_an_older_persons(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    shown = DocumentShown("disability-d-walking", dated_on=date(2026, 9, 1))
    async with migrated.transaction() as session:
        await accounts.sight_document(
            session, vault, resident, shown, Proof.DISABILITY, actor=CLERK, now=NOW
        )
    await _assess(migrated, vault, resident, NOW)
    assert "travel-disabled" in await _held(migrated, resident, NOW)
    await _assess(migrated, vault, resident, DUE)
    assert await _held(migrated, resident, DUE) == {"library", "travel-older"}
    async with migrated.transaction() as session:
        ended = [g for g in await grants.history(session, resident) if g.ended_at is not None]
        best = grants.best_by_service(await grants.current(session, resident, DUE.date()))
    assert [each.ended_reason for each in ended] == [EndReason.NOT_ELIGIBLE]
    assert best[Service.TRAVEL].scheme == "travel-older"


async def test_another_age_band_ends_one_grant_and_gives_another(
    migrated: Database, vault: Vault
) -> None:
    child = msgspec.structs.replace(JEAN, birth_date=date(2008, 11, 24))
    resident = await _register(migrated, vault, child)
    await _assess(migrated, vault, resident, NOW + timedelta(days=3))
    async with migrated.transaction() as session:
        given = await grants.history(session, resident)
    classes = {
        (each.entitlement_class, each.ended_reason) for each in given if each.scheme == "library"
    }
    assert classes == {("child", "changed"), ("adult", None)}


async def test_a_grant_that_ran_out_is_ended_and_given_anew_while_the_rule_still_says_yes(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    async with migrated.transaction() as session:
        first = (await grants.current(session, resident, NOW.date()))[0]
    after = datetime.combine(first.valid_until + timedelta(days=1), NOW.timetz())
    assert await _held(migrated, resident, after) == set()
    await _assess(migrated, vault, resident, after)
    assert "library" in await _held(migrated, resident, after)


async def test_time_alone_puts_a_resident_on_the_days_list_and_deciding_takes_them_off(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    async with migrated.transaction() as session:
        assert await assessing.due(session, date(2026, 11, 29)) == []
        assert await assessing.due(session, date(2026, 11, 30)) == [resident]
    await _assess(migrated, vault, resident, DUE)
    async with migrated.transaction() as session:
        assert await assessing.due(session, date(2026, 11, 30)) == []


async def test_the_worker_decides_for_everybody_who_is_due_page_by_page(
    migrated: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [
        await _register(
            migrated, vault, msgspec.structs.replace(JEAN, email=f"jean{n}@example.com")
        )
        for n in range(5)
    ]
    assert await reassessing.reassess_due(migrated, vault, now=NOW) == reassessing.Reassessed(0, 0)
    whole = assessing.due

    async def two_at_a_time(
        session: AsyncSession, on: date, *, after: UUID | None = None
    ) -> Sequence[UUID]:
        return await whole(session, on, after=after, limit=2)

    monkeypatch.setattr(assessing, "due", two_at_a_time)
    assert await reassessing.reassess_due(migrated, vault, now=DUE) == reassessing.Reassessed(5, 0)
    assert await reassessing.reassess_due(migrated, vault, now=DUE) == reassessing.Reassessed(0, 0)
    for resident in people:
        assert "travel-older" in await _held(migrated, resident, DUE)


async def test_one_residents_fault_keeps_nobody_else_from_theirs(
    migrated: Database, vault: Vault
) -> None:
    broken = await _register(migrated, vault)
    well = await _register(
        migrated, vault, msgspec.structs.replace(JEAN, email="other@example.com")
    )
    async with migrated.transaction() as session:
        account = await session.get_one(Account, broken)
        account.sealed_birth_date = b"damaged"
    assert await reassessing.reassess_due(migrated, vault, now=DUE) == reassessing.Reassessed(1, 1)
    assert "travel-older" in await _held(migrated, well, DUE)


async def test_two_decisions_at_once_grant_once(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault)
    await asyncio.gather(*(_assess(migrated, vault, resident, DUE) for _ in range(4)))
    async with migrated.transaction() as session:
        query = select(func.count()).select_from(Grant).where(Grant.scheme == "travel-older")
        assert await session.scalar(query) == 1


async def test_an_account_that_does_not_exist_is_not_decided_for(
    migrated: Database, vault: Vault
) -> None:
    with pytest.raises(NoSuchAccount):
        await _assess(migrated, vault, UUID(int=1), NOW)
