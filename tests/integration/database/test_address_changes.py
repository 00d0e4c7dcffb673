"""A resident moves: the history stays whole, and everything is decided anew at once."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from cardservice.database import Database
from entitlements import assessing, grants
from entitlements.models import Holder
from identity import accounts, addresses
from identity.addresses import AddressChange
from identity.details import NewAddress
from identity.errors import InvalidDetails, NoSuchAccount
from identity.evidence import DocumentShown
from identity.models import Account, Address, SightedDocument
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

LATER = NOW + timedelta(days=100)
MOVED = date(2027, 2, 1)
BILL = DocumentShown("council-tax-bill", dated_on=date(2027, 2, 10))
TONBRIDGE = AddressChange(
    address=NewAddress(address_lines=("2 New Road", "Tonbridge"), postcode="tn91bh"),
    moved_on=MOVED,
    document=BILL,
)


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


async def move(
    database: Database, vault: Vault, account_id: UUID, asked: AddressChange = TONBRIDGE
) -> None:
    async with database.transaction() as session:
        await assessing.move_home(session, vault, account_id, asked, actor=CLERK, now=LATER)


async def test_a_move_ends_one_address_and_begins_the_next(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    await move(migrated, vault, jean)
    async with migrated.transaction() as session:
        new, old = await addresses.history(session, vault, jean)
        person = await accounts.person(
            session, vault, jean, actor=CLERK, reason="At the desk", now=LATER
        )
        row = (
            await session.scalars(select(AuditRow).where(AuditRow.action == "address-changed"))
        ).one()
    assert (old.valid_from, old.valid_to) == (date(2026, 11, 22), MOVED - timedelta(days=1))
    assert (new.valid_from, new.valid_to, new.postcode) == (MOVED, None, "TN9 1BH")
    assert person.address_lines == ("2 New Road", "Tonbridge")
    assert person.district_code == new.district_code != old.district_code
    assert len(person.documents) == 3
    assert row.detail == {"district": new.district_code, "district_basis": "table"}


async def test_what_the_district_gives_is_decided_at_once_and_cards_are_owed_it(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        before = (await session.get_one(Holder, jean)).version
    await move(migrated, vault, jean)
    async with migrated.transaction() as session:
        after = (await session.get_one(Holder, jean)).version
        explained = {
            each.decision.scheme: each.decision
            for each in await assessing.explain(session, vault, jean, on=LATER.date())
        }
        held = {each.scheme for each in await grants.current(session, jean, LATER.date())}
    assert after > before
    assert type(explained["leisure-tonbridge-and-malling"]).__name__ != "NotEligible"
    assert "library" in held


async def test_an_address_typed_wrong_is_followed_on_the_same_day(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    same_day = msgspec.structs.replace(
        TONBRIDGE,
        moved_on="22/11/2026",
        document=DocumentShown("council-tax-bill", dated_on=date(2026, 4, 1)),
    )
    async with migrated.transaction() as session:
        await assessing.move_home(session, vault, jean, same_day, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        new, old = await addresses.history(session, vault, jean)
    assert (old.valid_from, old.valid_to) == (NOW.date(), NOW.date())
    assert (new.valid_from, new.postcode) == (NOW.date(), "TN9 1BH")


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"moved_on": "21/11/2026"}, {"moved_on"}),
        ({"moved_on": LATER.date() + timedelta(days=1)}, {"moved_on"}),
        ({"moved_on": "31/02/2027"}, {"moved_on"}),
        ({"moved_on": ""}, {"moved_on"}),
        ({"document": DocumentShown("passport")}, {"document.kind"}),
        ({"document": DocumentShown("")}, {"document.kind"}),
        (
            {"address": NewAddress(address_lines=("", " "), postcode="TN9 1B")},
            {"address_lines", "postcode"},
        ),
        (
            {"address": NewAddress(address_lines=("10 Downing Street",), postcode="SW1A 2AA")},
            {"confirmed_district", "confirmation_reason"},
        ),
    ],
)
async def test_every_fault_is_said_and_nothing_is_stored(
    migrated: Database,
    vault: Vault,
    jean: UUID,
    changed: dict[str, object],
    fields: set[str],
) -> None:
    asked = msgspec.structs.replace(TONBRIDGE, **changed)
    with pytest.raises(InvalidDetails) as raised:
        await move(migrated, vault, jean, asked)
    assert set(raised.value.faults) == fields
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Address)) == 1
        assert await session.scalar(select(func.count()).select_from(SightedDocument)) == 2


async def test_two_desks_at_once_leave_one_current_address(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    other = msgspec.structs.replace(
        TONBRIDGE, address=NewAddress(address_lines=("3 Other Road",), postcode="CT1 2EH")
    )
    await asyncio.gather(
        move(migrated, vault, jean), move(migrated, vault, jean, other), return_exceptions=False
    )
    async with migrated.transaction() as session:
        current = select(func.count()).select_from(Address).where(Address.valid_to.is_(None))
        assert await session.scalar(current) == 1
        assert await session.scalar(select(func.count()).select_from(Address)) == 3


async def test_nobody_moves_who_is_not_there(migrated: Database, vault: Vault) -> None:
    with pytest.raises(NoSuchAccount):
        await move(migrated, vault, UUID(int=7))
    async with migrated.transaction() as session:
        with pytest.raises(NoSuchAccount):
            await addresses.set_protected(
                session, UUID(int=7), protected=True, actor=CLERK, now=NOW
            )


async def test_a_protected_address_is_masked_unless_it_is_needed(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        for _ in range(2):  # the second time changes nothing
            await addresses.set_protected(session, jean, protected=True, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        masked = await accounts.person(
            session, vault, jean, actor=CLERK, reason="At the desk", now=NOW
        )
        whole = await accounts.person(
            session,
            vault,
            jean,
            actor=CLERK,
            reason="At the desk",
            now=NOW,
            sees_protected=True,
        )
        rows = list(
            await session.scalars(
                select(AuditRow.action).where(AuditRow.action == "address-protected")
            )
        )
    assert (masked.address_lines, masked.postcode, masked.district_code) == ((), "", "")
    assert masked.address_masked
    assert masked.address_protected
    assert (whole.postcode, whole.address_masked) == ("ME14 1XQ", False)
    assert rows == ["address-protected"]


@pytest.mark.parametrize("query", ["ME14 1XQ", "Jean O'Malley ME14 1XQ", "31/07/1960 ME14 1XQ"])
async def test_a_protected_address_finds_nobody_for_who_may_not_see_it(
    migrated: Database, vault: Vault, jean: UUID, query: str
) -> None:
    async with migrated.transaction() as session:
        await addresses.set_protected(session, jean, protected=True, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        assert await accounts.find(session, vault, query, actor=CLERK, now=NOW) == ()
        (found,) = await accounts.find(
            session, vault, query, actor=CLERK, now=NOW, sees_protected=True
        )
        (by_name,) = await accounts.find(session, vault, "O'Malley", actor=CLERK, now=NOW)
    assert found.outward == "ME14"
    assert (by_name.account_id, by_name.outward, by_name.district_code) == (jean, "", "")


async def test_a_move_of_somebody_protected_names_no_district_in_the_trail(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        await addresses.set_protected(session, jean, protected=True, actor=CLERK, now=NOW)
    await move(migrated, vault, jean)
    async with migrated.transaction() as session:
        row = (
            await session.scalars(select(AuditRow).where(AuditRow.action == "address-changed"))
        ).one()
        assert (await session.get_one(Account, jean)).address_protected
    assert row.detail == {"district_basis": "table"}
