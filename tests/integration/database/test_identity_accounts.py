"""Registering residents, adding evidence, finding and reading them."""

from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from identity import accounts
from identity.actors import SYSTEM, resident_actor
from identity.dates import london_date
from identity.db import Base
from identity.details import NewResident
from identity.errors import InvalidDetails, NoSuchAccount, NotYourRecord, SealBroken
from identity.evidence import DocumentShown, Proof
from identity.models import Account, Address, SightedDocument
from identity.numbers import is_account_number
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

NOBODY = UUID(int=0)
PERSONAL = {
    *("account", "address", "sighted_document", "audit_row"),
    *("person_key", "name_part", "name_form"),
}


async def register(database: Database, vault: Vault, details: NewResident = JEAN) -> Account:
    async with database.transaction() as session:
        return await accounts.register(session, vault, details, actor=CLERK, now=NOW)


async def audited(session: AsyncSession, action: str) -> list[AuditRow]:
    rows = await session.scalars(select(AuditRow).where(AuditRow.action == action))
    return list(rows)


async def test_what_was_registered_is_what_a_clerk_reads(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    assert is_account_number(account.number)
    async with identity_database.transaction() as session:
        read = await accounts.person(
            session, vault, account.id, actor=CLERK, reason="Asked at the desk", now=NOW
        )
    assert (read.given_names, read.family_name, read.full_name) == (
        "Jean",
        "O'Malley",
        "Jean O'Malley",
    )
    assert read.birth_date == date(1960, 7, 31)
    assert read.address_lines == ("1 Example Street", "Maidstone")
    assert (read.postcode, read.district_code) == ("ME14 1XQ", "E07000110")
    assert read.email == "jean@example.com"
    assert {(d.kind, d.proof) for d in read.documents} == {
        ("passport", Proof.IDENTITY),
        ("council-tax-bill", Proof.ADDRESS),
    }


async def test_nothing_personal_is_in_the_database_in_the_clear(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        await accounts.find(session, vault, "O'Malley", actor=CLERK, now=NOW)
        await accounts.person(
            session, vault, account.id, actor=CLERK, reason="Asked at the desk", now=NOW
        )
    stored = b""
    async with identity_database.transaction() as session:
        for table in Base.metadata.sorted_tables:
            if table.name in PERSONAL:
                for row in await session.execute(select(table)):
                    stored += repr(tuple(row)).encode()
    assert b"Maidstone" not in stored
    for personal in (b"Jean", b"jean", b"Malley", b"1960-07", b"Example", b"ME14", b"passport"):
        assert personal not in stored


async def test_every_read_is_recorded_and_the_resident_can_see_it(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        for minutes, reason in enumerate(("Asked at the desk", "Card came back by post")):
            await accounts.person(
                session,
                vault,
                account.id,
                actor=CLERK,
                reason=reason,
                now=NOW + timedelta(minutes=minutes),
            )
    async with identity_database.transaction() as session:
        reads = await accounts.reads_of(session, account.id)
    assert [(read.who, read.reason) for read in reads] == [
        ("Priya Shah", "Card came back by post"),
        ("Priya Shah", "Asked at the desk"),
    ]
    assert reads[1].at == NOW


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "line\nbreak"])
async def test_a_record_is_not_opened_without_a_reason(
    identity_database: Database, vault: Vault, reason: str
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        with pytest.raises(InvalidDetails) as raised:
            await accounts.person(session, vault, account.id, actor=CLERK, reason=reason, now=NOW)
        assert set(raised.value.faults) == {"reason"}
        assert await accounts.reads_of(session, account.id) == ()


async def test_a_resident_reads_their_own_record_and_no_other(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    actor = resident_actor(account.id, account.number)
    async with identity_database.transaction() as session:
        own = await accounts.own_record(session, vault, account.id, actor=actor)
        assert own.given_names == "Jean"
        assert await accounts.reads_of(session, account.id) == ()
        for other in (CLERK, SYSTEM, resident_actor(NOBODY, account.number)):
            with pytest.raises(NotYourRecord):
                await accounts.own_record(session, vault, account.id, actor=other)


async def test_an_account_that_is_not_there_is_said_so(
    identity_database: Database, vault: Vault
) -> None:
    async with identity_database.transaction() as session:
        with pytest.raises(NoSuchAccount):
            await accounts.person(session, vault, NOBODY, actor=CLERK, reason="Post", now=NOW)
        with pytest.raises(NoSuchAccount):
            await accounts.known_facts(session, vault, NOBODY)
        with pytest.raises(NoSuchAccount):
            await accounts.sight_document(
                session,
                vault,
                NOBODY,
                DocumentShown("passport"),
                Proof.IDENTITY,
                actor=CLERK,
                now=NOW,
            )


async def test_a_faulty_form_stores_nothing(identity_database: Database, vault: Vault) -> None:
    faulty = msgspec.structs.replace(JEAN, birth_date="31/02/1960", postcode="ME14")
    with pytest.raises(InvalidDetails) as raised:
        await register(identity_database, vault, faulty)
    assert set(raised.value.faults) == {"birth_date", "postcode"}
    async with identity_database.transaction() as session:
        for model in (Account, Address, SightedDocument, AuditRow):
            assert await session.scalar(select(func.count()).select_from(model)) == 0


async def test_registering_is_audited_with_its_actor_and_nothing_personal(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        (row,) = await audited(session, "account-registered")
    assert row.subject == f"account:{account.id}"
    assert (row.actor_kind, row.actor_id, row.actor_label, row.at) == (
        CLERK.kind,
        CLERK.id,
        "Priya Shah",
        NOW,
    )
    assert row.detail == {"district": "E07000110", "district_basis": "table"}


async def test_two_residents_cannot_share_an_email_address(
    identity_database: Database, vault: Vault
) -> None:
    await register(identity_database, vault)
    again = msgspec.structs.replace(JEAN, given_names="Pat", email=" JEAN@Example.com ")
    with pytest.raises(InvalidDetails) as raised:
        await register(identity_database, vault, again)
    assert set(raised.value.faults) == {"email"}


async def test_residents_without_an_email_address_can_be_many(
    identity_database: Database, vault: Vault
) -> None:
    without = msgspec.structs.replace(JEAN, email="")
    first = await register(identity_database, vault, without)
    second = await register(identity_database, vault, without)
    assert first.number != second.number


async def test_a_clerk_confirms_the_district_of_a_postcode_not_in_the_table(
    identity_database: Database, vault: Vault
) -> None:
    newly_built = msgspec.structs.replace(
        JEAN,
        postcode="ME14 0ZZ",
        confirmed_district="E07000110",
        confirmation_reason="New estate; seen on the council's street list",
    )
    account = await register(identity_database, vault, newly_built)
    async with identity_database.transaction() as session:
        facts = await accounts.known_facts(session, vault, account.id)
        (row,) = await audited(session, "account-registered")
    assert facts.district_code == "E07000110"
    assert row.detail["district_basis"] == "confirmed"


async def test_rules_are_given_facts_and_no_name_and_no_read_is_recorded(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    award = DocumentShown("universal-credit", dated_on="1/11/2026")
    async with identity_database.transaction() as session:
        await accounts.sight_document(
            session,
            vault,
            account.id,
            award,
            Proof.BENEFIT,
            actor=CLERK,
            now=NOW + timedelta(hours=1),
        )
    async with identity_database.transaction() as session:
        facts = await accounts.known_facts(session, vault, account.id)
        assert await accounts.reads_of(session, account.id) == ()
        (row,) = await audited(session, "document-sighted")
    assert facts.birth_date == date(1960, 7, 31)
    assert facts.resident_since == london_date(NOW)
    assert facts.documents[-1].kind == "universal-credit"
    assert facts.documents[-1].dated_on == date(2026, 11, 1)
    assert row.detail == {}


async def test_a_document_too_old_is_not_stored(identity_database: Database, vault: Vault) -> None:
    account = await register(identity_database, vault)
    award = DocumentShown("universal-credit", dated_on=date(2026, 8, 21))
    async with identity_database.transaction() as session:
        with pytest.raises(InvalidDetails) as raised:
            await accounts.sight_document(
                session, vault, account.id, award, Proof.BENEFIT, actor=CLERK, now=NOW
            )
        assert set(raised.value.faults) == {"dated_on"}
        assert len(await accounts.documents(session, vault, account.id)) == 2


@pytest.mark.parametrize(
    "query",
    [
        *("Jean O'Malley", "jean omalley", "O\u2019MALLEY", " O'Malley "),
        *("ME14 1XQ", "me141xq", "31/07/1960", "1960-07-31", "31 7 1960"),
    ],
)
async def test_a_clerk_finds_a_resident(
    identity_database: Database, vault: Vault, query: str
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        (match,) = await accounts.find(session, vault, query, actor=CLERK, now=NOW)
    assert match.account_id == account.id
    assert (match.name, match.birth_year, match.outward) == ("Jean O'Malley", 1960, "ME14")
    assert match.district_code == "E07000110"


async def test_a_clerk_finds_a_resident_by_account_number_as_it_is_read_out(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    spoken = f"{account.number[:3]} {account.number[3:6]} {account.number[6:]}"
    wrong = account.number[:8] + str((int(account.number[8]) + 1) % 10)
    async with identity_database.transaction() as session:
        (match,) = await accounts.find(session, vault, spoken, actor=CLERK, now=NOW)
        assert match.account_id == account.id
        with pytest.raises(InvalidDetails, match="9 digits"):
            await accounts.find(session, vault, wrong, actor=CLERK, now=NOW)


async def test_somebody_with_one_name_is_found_by_it(
    identity_database: Database, vault: Vault
) -> None:
    mononym = msgspec.structs.replace(JEAN, given_names="Sukarno", family_name="")
    account = await register(identity_database, vault, mononym)
    async with identity_database.transaction() as session:
        (match,) = await accounts.find(session, vault, "sukarno", actor=CLERK, now=NOW)
    assert (match.account_id, match.name) == (account.id, "Sukarno")


@pytest.mark.parametrize(
    "query", ["Smith", "ME14 1XX", "1960-08-01", "Jean Smith", "Smith ME14 1XQ", "Jean 1960-08-01"]
)
async def test_somebody_else_is_not_found(
    identity_database: Database, vault: Vault, query: str
) -> None:
    await register(identity_database, vault)
    async with identity_database.transaction() as session:
        assert await accounts.find(session, vault, query, actor=CLERK, now=NOW) == ()


@pytest.mark.parametrize("query", ["", "  ", "'", "31/02/1960", "-", "\x00", "12345", "\ud800"])
async def test_a_query_with_nothing_to_look_for_is_answered_with_what_to_enter(
    identity_database: Database, vault: Vault, query: str
) -> None:
    async with identity_database.transaction() as session:
        with pytest.raises(InvalidDetails) as raised:
            await accounts.find(session, vault, query, actor=CLERK, now=NOW)
    assert set(raised.value.faults) == {"query"}


async def test_a_search_is_audited_with_whom_it_showed_not_what_was_typed(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        await accounts.find(session, vault, "O'Malley", actor=CLERK, now=NOW)
        await accounts.find(session, vault, "Nobody Known", actor=CLERK, now=NOW)
    async with identity_database.transaction() as session:
        rows = await audited(session, "residents-searched")
    assert [row.detail for row in rows] == [
        {"by": "name", "shown": [str(account.id)]},
        {"by": "name", "shown": []},
    ]
    assert {row.subject for row in rows} == {f"staff:{CLERK.id}"}


async def test_a_search_shows_fifty_at_most(identity_database: Database, vault: Vault) -> None:
    async with identity_database.transaction() as session:
        for _ in range(51):
            details = msgspec.structs.replace(JEAN, email="")
            await accounts.register(session, vault, details, actor=CLERK, now=NOW)
        assert len(await accounts.find(session, vault, "O'Malley", actor=CLERK, now=NOW)) == 50


async def test_a_sealed_value_copied_to_another_resident_does_not_open(
    identity_database: Database, vault: Vault
) -> None:
    victim = await register(identity_database, vault)
    other = await register(
        identity_database, vault, msgspec.structs.replace(JEAN, email="", given_names="Pat")
    )
    async with identity_database.transaction() as session:
        await session.execute(
            text(
                "UPDATE account SET sealed_birth_date ="
                " (SELECT a.sealed_birth_date FROM account a WHERE a.number = :victim)"
                " WHERE number = :other"
            ),
            {"victim": victim.number, "other": other.number},
        )
    async with identity_database.transaction() as session:
        with pytest.raises(SealBroken):
            await accounts.known_facts(session, vault, other.id)


async def test_the_database_itself_keeps_one_current_address(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        current = select(Address).where(Address.account_id == account.id)
        address = (await session.scalars(current)).one()
        session.add(copy_of(address, valid_to=address.valid_from))
        await session.flush()
        session.add(copy_of(address, valid_to=None))
        with pytest.raises(IntegrityError):
            await session.flush()
        await session.rollback()


async def test_a_former_address_is_not_where_somebody_is_found(
    identity_database: Database, vault: Vault
) -> None:
    account = await register(identity_database, vault)
    async with identity_database.transaction() as session:
        current = select(Address).where(Address.account_id == account.id)
        former = copy_of((await session.scalars(current)).one(), valid_to=date(2026, 11, 22))
        former.postcode_index = vault.blind("postcode", "CT1 2EH")
        session.add(former)
    async with identity_database.transaction() as session:
        assert await accounts.find(session, vault, "CT1 2EH", actor=CLERK, now=NOW) == ()
        (match,) = await accounts.find(session, vault, "O'Malley", actor=CLERK, now=NOW)
    assert match.outward == "ME14"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET state = 'unheard-of'",
        "UPDATE account SET email_index = NULL, birth_date_index = NULL",
        "UPDATE address SET valid_to = '1999-01-01'",
        "UPDATE address SET district_basis = 'confirmed'",
        "DELETE FROM account",
    ],
)
async def test_the_database_itself_refuses_what_must_not_be(
    identity_database: Database, vault: Vault, statement: str
) -> None:
    await register(identity_database, vault)
    with pytest.raises(IntegrityError):
        async with identity_database.transaction() as session:
            await session.execute(text(statement))


def copy_of(address: Address, *, valid_to: date | None) -> Address:
    return Address(
        account_id=address.account_id,
        valid_from=address.valid_from,
        valid_to=valid_to,
        district_code=address.district_code,
        district_basis=address.district_basis,
        sealed_lines=address.sealed_lines,
        sealed_postcode=address.sealed_postcode,
        postcode_index=address.postcode_index,
    )
