"""Finding residents by what a clerk has: part of a name, mistyped, a nickname, a date, a place."""

from datetime import date

import msgspec
import pytest
from sqlalchemy import func, select

from cardservice.database import Database
from identity import accounts, name_index
from identity.details import NewResident
from identity.errors import InvalidDetails
from identity.likeness import typed_forms
from identity.models import Account, NameForm, NamePart
from identity.personal import Vault
from tests.support.people import CLERK, JEAN, NOW

CATHERINE = msgspec.structs.replace(
    JEAN,
    given_names="Catherine Mary Ann",
    family_name="Smith-Jones",
    birth_date=date(1971, 2, 28),
    postcode="CT1 2EH",
    email="",
)


def called(given_names: str, family_name: str, base: NewResident = JEAN) -> NewResident:
    return msgspec.structs.replace(base, given_names=given_names, family_name=family_name, email="")


async def register(database: Database, vault: Vault, *people: NewResident) -> list[Account]:
    async with database.transaction() as session:
        return [
            await accounts.register(session, vault, one, actor=CLERK, now=NOW) for one in people
        ]


async def found(database: Database, vault: Vault, query: str) -> list[str]:
    async with database.transaction() as session:
        matches = await accounts.find(session, vault, query, actor=CLERK, now=NOW)
    return [match.name for match in matches]


@pytest.mark.parametrize(
    "query",
    [
        *("Catherine", "mary", "ANN", "Smith", "jones", "Smith-Jones", "smith jones"),
        *("jones catherine", "smithjones", "maryann", "Mary-Ann Smith", "Cath", "Cathe"),
        *("Cathrine", "Cahterine", "Catherime", "Ccatherine", "Smiht", "Smyth", "Jonse"),
        *("Kathryn Smith", "Katharine", "Kate Jones", "Cathy Smyth", "kitty", "Annie"),
        *("28/02/1971", "Smith 28/02/1971", "1971-02-28 kate", "CT1 2EH", "ct12eh smyth"),
        *("cathy CT1 2EH 28.2.1971", "  CATHERINE   smith ", "Cäthérine", "\uff33mith"),
    ],
)
async def test_a_resident_is_found_by_any_part_mistyped_or_a_nickname(
    identity_database: Database, vault: Vault, query: str
) -> None:
    await register(identity_database, vault, CATHERINE, called("Oluwaseun", "Adeyemi"))
    assert await found(identity_database, vault, query) == ["Catherine Mary Ann Smith-Jones"]


@pytest.mark.parametrize(
    "query",
    [
        *("Catherine Brown", "Margaret", "Smith 01/03/1971", "CT1 2EJ", "Smith ME14 1XQ"),
        *("Ca", "S", "ith", "Catherine Mary Ann Smith Jones Brown", "Smith 27/02/1971"),
    ],
)
async def test_nobody_is_found_by_what_is_not_theirs(
    identity_database: Database, vault: Vault, query: str
) -> None:
    await register(identity_database, vault, CATHERINE)
    assert await found(identity_database, vault, query) == []


@pytest.mark.parametrize(
    ("given", "family", "query"),
    [
        ("O", "", "o"),
        ("", "Li", "LI"),
        ("王", "小明", "小明"),
        ("محمد", "الفيتوري", "الفيتوري"),
        ("יוסף", "כהן", "יוסף כהן"),
        ("Łukasz", "Wałęsa", "lukasz walesa"),
        ("Seán", "Ó Briain", "sean obriain"),
        ("Sean", "O'Brien", "o brien"),
        ("María José", "de la Cruz", "cruz maria"),
        ("Øystein", "Æbelø", "oystein aebelo"),
        ("x" * 200, "y" * 200, "x" * 200),
        ("Z" * 199, "Brown", "z" * 200),
        (" ".join(["ab"] * 66), "Green", "green ab"),
    ],
)
async def test_names_of_every_script_and_length_are_found(
    identity_database: Database, vault: Vault, given: str, family: str, query: str
) -> None:
    await register(identity_database, vault, called(given, family))
    assert len(await found(identity_database, vault, query)) == 1


async def test_the_likest_come_first(identity_database: Database, vault: Vault) -> None:
    names = ("Smyth", "Smith", "Smithson", "Schmidt", "Smitha")
    await register(identity_database, vault, *(called("Jon", name) for name in names))
    await register(identity_database, vault, called("John", "Smith"))
    ranked = await found(identity_database, vault, "Jon Smith")
    assert ranked[0] == "Jon Smith"
    assert set(ranked[1:4]) == {"John Smith", "Jon Smithson", "Jon Smitha"}
    assert "Jon Smyth" in ranked


async def test_when_many_bear_the_very_name_fifty_are_shown_and_a_date_says_which(
    identity_database: Database, vault: Vault
) -> None:
    others = [called("David", "Smith")] * 60
    born = msgspec.structs.replace(others[0], birth_date=date(1940, 1, 1))
    await register(identity_database, vault, *others, born, called("Davey", "Smyth"))
    assert await found(identity_database, vault, "david smith") == ["David Smith"] * 50
    assert await found(identity_database, vault, "david smith 1/1/1940") == ["David Smith"]


@pytest.mark.parametrize(
    "query", ["x" * 401, "31/02/1960", "Smith 31/02/1960", "' -", "\ud800", "1234567890"]
)
async def test_a_query_that_cannot_be_answered_says_what_to_enter(
    identity_database: Database, vault: Vault, query: str
) -> None:
    with pytest.raises(InvalidDetails) as raised:
        await found(identity_database, vault, query)
    assert set(raised.value.faults) == {"query"}


async def test_a_query_of_many_words_is_bounded(identity_database: Database, vault: Vault) -> None:
    await register(identity_database, vault, CATHERINE)
    words = " ".join(f"word{number}" for number in range(50))
    assert await found(identity_database, vault, words) == []


async def test_a_word_has_its_forms_once_however_many_bear_it(
    identity_database: Database, vault: Vault
) -> None:
    async def forms() -> int:
        async with identity_database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(NameForm)) or 0

    await register(identity_database, vault, called("David", "Smith"))
    before = await forms()
    await register(identity_database, vault, called("David", "Smith"))
    assert await forms() == before
    await register(identity_database, vault, called("David", "Brown"))
    assert await forms() > before


async def test_a_name_that_was_replaced_is_found_by_the_new_one_only(
    identity_database: Database, vault: Vault
) -> None:
    (account,) = await register(identity_database, vault, called("David", "Smith"))
    async with identity_database.transaction() as session:
        await name_index.replace(
            session, vault, account.id, given_names="David", family_name="Brown"
        )
        await name_index.forget_unused_forms(session)
        assert await name_index.bearing(session, [name_index.exactly(vault, "brown")], most=9) == [
            account.id
        ]
        assert (
            not await name_index.like(session, vault, "smyth")
            - name_index.exactly(vault, "smyth")
            - name_index.exactly(vault, "smith")
        )
        parts = await session.scalar(select(func.count()).select_from(NamePart))
        kept = set(await session.scalars(select(NameForm.part)))
    assert parts == 2
    assert kept == set(name_index.exactly(vault, "david") | name_index.exactly(vault, "brown"))


async def test_the_index_holds_no_form_in_the_clear(
    identity_database: Database, vault: Vault
) -> None:
    await register(identity_database, vault, CATHERINE)
    async with identity_database.transaction() as session:
        stored = b"".join(await session.scalars(select(NameForm.form)))
        stored += b"".join(await session.scalars(select(NamePart.part)))
    for form in typed_forms("catherine"):
        assert form[1:].encode() not in stored
