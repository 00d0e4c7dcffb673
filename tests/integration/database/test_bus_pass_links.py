"""A bus pass of another issuer is one account's, gives nothing, and every link is written down."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from cardservice import bus_passes
from cardservice.bus_pass_models import LinkedBusPass
from cardservice.bus_passes import LinkedPass, NotLinked
from cardservice.database import Database
from cardservice.errors import MoveNotAllowed
from cardservice.personal_data import STORE_SEALED, TABLES
from entitlements import assessing
from entitlements.models import Grant
from identity import accounts, rekeying
from identity.errors import InvalidDetails
from identity.keys import FileKeyStore, Purpose
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.trail_models import AuditRow
from readers.card.itso import ISSUER, check_digit
from tests.support.bus_passes import ISRN
from tests.support.people import CLERK, JEAN, NOW

OTHER = msgspec.structs.replace(JEAN, email="other.person@example.net", given_names="Odette")


@pytest.fixture
async def people(migrated: Database, vault: Vault) -> tuple[UUID, UUID]:
    async with migrated.transaction() as session:
        made = [
            await accounts.register(session, vault, who, actor=CLERK, now=NOW)
            for who in (JEAN, OTHER)
        ]
        return made[0].id, made[1].id


async def link(
    database: Database, vault: Vault, person: UUID, isrn: str = ISRN, *, read: bool = False
) -> LinkedPass | NotLinked:
    async with database.transaction() as session:
        return await bus_passes.link(session, vault, person, isrn, read=read, actor=CLERK, now=NOW)


async def linked(database: Database, vault: Vault, person: UUID) -> list[tuple[str, bool]]:
    async with database.transaction() as session:
        found = await bus_passes.of_account(session, vault, person)
    return [(each.isrn, each.read) for each in found]


def number(serial: int) -> str:
    digits = f"{ISSUER}0289{serial:07d}"
    return digits + check_digit(digits)


async def test_a_pass_is_linked_and_held_sealed(
    migrated: Database, vault: Vault, people: tuple[UUID, UUID]
) -> None:
    assert isinstance(await link(migrated, vault, people[0], read=True), LinkedPass)
    assert await linked(migrated, vault, people[0]) == [(ISRN, True)]
    assert await linked(migrated, vault, people[1]) == []
    async with migrated.transaction() as session:
        row = (await session.scalars(select(LinkedBusPass))).one()
    assert ISRN.encode() not in row.sealed_isrn + row.isrn_index


async def test_a_pass_belongs_to_one_account_until_it_is_unlinked(
    migrated: Database, vault: Vault, people: tuple[UUID, UUID]
) -> None:
    first, second = people
    made = await link(migrated, vault, first)
    assert isinstance(made, LinkedPass)
    assert await link(migrated, vault, first) is NotLinked.THEIRS_ALREADY
    assert await link(migrated, vault, second) is NotLinked.ANOTHER_ACCOUNTS
    async with migrated.transaction() as session:
        assert not await bus_passes.unlink(session, second, made.id, actor=CLERK, now=NOW)
        assert await bus_passes.unlink(session, first, made.id, actor=CLERK, now=NOW)
        assert not await bus_passes.unlink(session, first, made.id, actor=CLERK, now=NOW)
    assert isinstance(await link(migrated, vault, second), LinkedPass)


async def test_linking_and_unlinking_stand_in_the_audit_trail_without_the_number(
    migrated: Database, vault: Vault, people: tuple[UUID, UUID]
) -> None:
    made = await link(migrated, vault, people[0])
    assert isinstance(made, LinkedPass)
    async with migrated.transaction() as session:
        await bus_passes.unlink(session, people[0], made.id, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        query = select(AuditRow).where(AuditRow.action.startswith("bus-pass-"))
        rows = (await session.scalars(query.order_by(AuditRow.id))).all()
    assert [row.action for row in rows] == ["bus-pass-linked", "bus-pass-unlinked"]
    assert {row.subject for row in rows} == {f"account:{people[0]}"}
    assert all(ISRN not in str(row.detail) for row in rows)


async def test_a_linked_pass_gives_nothing_by_itself(
    migrated: Database, vault: Vault, people: tuple[UUID, UUID]
) -> None:
    async with migrated.transaction() as session:
        await assessing.assess(session, vault, people[0], actor=CLERK, now=NOW)
        before = {grant.scheme for grant in (await session.scalars(select(Grant))).all()}
    await link(migrated, vault, people[0], read=True)
    async with migrated.transaction() as session:
        later = NOW + timedelta(minutes=1)
        await assessing.assess(session, vault, people[0], actor=CLERK, now=later)
        after = {grant.scheme for grant in (await session.scalars(select(Grant))).all()}
    assert before == after


async def test_one_account_is_not_given_passes_without_end(
    migrated: Database, vault: Vault, people: tuple[UUID, UUID]
) -> None:
    for serial in range(bus_passes.MOST):
        assert isinstance(await link(migrated, vault, people[0], number(serial)), LinkedPass)
    assert await link(migrated, vault, people[0], number(99)) is NotLinked.TOO_MANY


async def test_nothing_is_linked_to_a_closed_account(
    migrated: Database, vault: Vault, people: tuple[UUID, UUID]
) -> None:
    async with migrated.transaction() as session:
        account = await session.get_one(Account, people[0])
        account.state = AccountState.CLOSED
    with pytest.raises(MoveNotAllowed, match="deceased"):
        await link(migrated, vault, people[0])


async def test_a_pass_stays_one_accounts_while_keys_are_changed(
    migrated: Database, vault: Vault, keystore: FileKeyStore, people: tuple[UUID, UUID]
) -> None:
    await link(migrated, vault, people[0])
    keystore.rotate(Purpose.INDEX, now=NOW)
    assert await link(migrated, vault, people[1]) is NotLinked.ANOTHER_ACCOUNTS
    async for _ in rekeying.rekey(migrated.transaction, vault, TABLES, STORE_SEALED):
        pass
    assert await link(migrated, vault, people[1]) is NotLinked.ANOTHER_ACCOUNTS
    assert await linked(migrated, vault, people[0]) == [(ISRN, False)]


@pytest.mark.parametrize("typed", [ISRN, "633597 0289 0100001 6", " 633597-0289-0100001-6 "])
def test_a_number_is_typed_in_any_groups(typed: str) -> None:
    assert bus_passes.isrn_of(typed) == ISRN


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter the 18 digits"),
        ("   ", "Enter the 18 digits"),
        ("6" * 5000, "Enter the 18 digits"),
        (ISRN[:-1], "has 18 digits"),
        (ISRN + "0", "has 18 digits"),
        ("6335970289010000I6", "has 18 digits"),
        ("٦٣٣٥٩٧٠٢٨٩٠١٠٠٠٠١٦", "has 18 digits"),
        ("1" + ISRN[1:], "begins with 633597"),
        (ISRN[:-1] + "7", "last digit"),
        (ISRN[:8] + "98" + ISRN[10:], "last digit"),
    ],
)
def test_what_is_no_number_of_a_pass_is_refused_in_words(typed: str, said: str) -> None:
    with pytest.raises(InvalidDetails) as refused:
        bus_passes.isrn_of(typed)
    assert said in refused.value.faults["isrn"]
