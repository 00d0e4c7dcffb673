"""Accounts that may be one person's are flagged for staff, told to nobody, and never merged."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from cardservice import jobs
from cardservice.database import Database
from identity import accounts, duplicates, registrations
from identity.details import NewResident, SelfAsserted
from identity.devices import Browser
from identity.errors import NotADuplicate, RequestDecided
from identity.evidence import Proof
from identity.models import Account, DuplicateOutcome
from identity.personal import Vault
from identity.sessions import SignedIn
from identity.signin_models import PendingRegistration
from tests.support.people import CLERK, JEAN, NOW, PASSPORT

LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
JEAN_AGAIN = SelfAsserted(
    given_names="Jean",
    family_name="O'Malley",
    birth_date="31/7/1960",
    address_lines=("9 Example Street", "Dover"),
    postcode="CT16 1PB",
    email="",
)


async def register(database: Database, vault: Vault, details: NewResident = JEAN) -> UUID:
    async with database.transaction() as session:
        return (await accounts.register(session, vault, details, actor=CLERK, now=NOW)).id


async def register_alone(database: Database, vault: Vault, said: SelfAsserted) -> UUID:
    async with database.transaction() as session:
        token = await registrations.begin_proved(session, vault, "new@example.com", now=NOW)
    async with database.transaction() as session:
        done = await registrations.finish(
            session, vault, token, said, least_age=16, browser=LAPTOP, now=NOW
        )
    assert isinstance(done, SignedIn)
    return UUID(done.actor.id)


async def pairs(database: Database, vault: Vault) -> list[tuple[UUID, UUID]]:
    await jobs.compare_new_accounts(database, vault, now=NOW)
    async with database.transaction() as session:
        return [(pair.account_id, pair.other_id) for pair in await duplicates.waiting(session)]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"given_names": "Jeanie"},
        {"given_names": "Jeane", "family_name": "OMalley"},
        {"given_names": "Jean Mary"},
        {"family_name": "O’Malley"},
        {"birth_date": "31/7/1961", "postcode": "ME14 1XQ"},
    ],
    ids=str,
)
async def test_a_likely_duplicate_is_flagged(
    migrated: Database, vault: Vault, change: dict[str, str]
) -> None:
    older = await register(migrated, vault)
    newer = await register_alone(migrated, vault, msgspec.structs.replace(JEAN_AGAIN, **change))
    assert await pairs(migrated, vault) == [(newer, older)]
    assert await pairs(migrated, vault) == [(newer, older)]
    async with migrated.transaction() as session:
        for mine, others in ((newer, older), (older, newer)):
            other = await session.get(Account, others)
            assert other is not None
            assert await duplicates.of_account(session, mine) == (other.number,)


@pytest.mark.parametrize(
    "change",
    [
        {"given_names": "Rosa", "family_name": "Weald"},
        {"birth_date": "31/7/1961"},
        {"given_names": "Mary", "postcode": "ME14 1XQ", "birth_date": "1/1/1990"},
    ],
    ids=str,
)
async def test_somebody_else_is_not(
    migrated: Database, vault: Vault, change: dict[str, str]
) -> None:
    await register(migrated, vault)
    await register_alone(migrated, vault, msgspec.structs.replace(JEAN_AGAIN, **change))
    assert await pairs(migrated, vault) == []


async def test_nothing_is_looked_for_while_somebody_registers(
    migrated: Database, vault: Vault
) -> None:
    await register(migrated, vault)
    await register_alone(migrated, vault, JEAN_AGAIN)
    async with migrated.transaction() as session:
        assert await duplicates.waiting(session) == []
        row = (await session.scalars(select(PendingRegistration))).one()
        assert row.compared_at is None
        assert await registrations.forget_expired(session, now=row.expires_at) == 0


async def judge(database: Database, outcome: DuplicateOutcome) -> None:
    async with database.transaction() as session:
        (pair,) = await duplicates.waiting(session)
        await duplicates.judge(session, pair.id, outcome, actor=CLERK, now=NOW)
    async with database.transaction() as session:
        with pytest.raises(RequestDecided):
            await duplicates.judge(session, pair.id, outcome, actor=CLERK, now=NOW)


async def test_two_people_stay_as_they_are(migrated: Database, vault: Vault) -> None:
    await register(migrated, vault)
    newer = await register_alone(migrated, vault, JEAN_AGAIN)
    await pairs(migrated, vault)
    await judge(migrated, DuplicateOutcome.DIFFERENT_PEOPLE)
    assert await pairs(migrated, vault) == []
    async with migrated.transaction() as session:
        account = await session.get(Account, newer)
        assert account is not None
        assert account.email_index is not None


async def test_of_one_persons_two_the_newer_gives_up_its_address_and_nothing_is_merged(
    migrated: Database, vault: Vault
) -> None:
    older = await register(migrated, vault)
    newer = await register_alone(migrated, vault, JEAN_AGAIN)
    await pairs(migrated, vault)
    await judge(migrated, DuplicateOutcome.SAME_PERSON)
    async with migrated.transaction() as session:
        account = await session.get(Account, newer)
        assert account is not None
        assert (account.email_index, account.sealed_email) == (None, None)
        person = await accounts.person(
            session, vault, older, actor=CLERK, reason="to compare", now=NOW
        )
    assert (person.email, person.address_lines) == (JEAN.email, JEAN.address_lines)


async def test_an_account_with_documents_is_not_set_aside(migrated: Database, vault: Vault) -> None:
    await register(migrated, vault)
    newer = await register_alone(migrated, vault, JEAN_AGAIN)
    await pairs(migrated, vault)
    async with migrated.transaction() as session:
        proof = Proof.IDENTITY
        await accounts.sight_document(session, vault, newer, PASSPORT, proof, actor=CLERK, now=NOW)
        (pair,) = await duplicates.waiting(session)
        outcome = DuplicateOutcome.SAME_PERSON
        with pytest.raises(NotADuplicate):
            await duplicates.judge(session, pair.id, outcome, actor=CLERK, now=NOW)
