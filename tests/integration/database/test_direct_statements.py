"""Single statements without a transaction: the driver itself on PostgreSQL, the same on SQLite."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import MultipleResultsFound, NoResultFound, StatementError

from cardservice.database import Database
from cardservice.models import Terminal
from identity.actors import SYSTEM
from identity.db import new_id
from identity.oidc import clients, spent
from identity.oidc.models import OidcClient, OidcSpentId, SpentKind
from tests.support.oidc import COUNCIL
from tests.support.people import NOW

NAME = select(OidcClient.name).where(OidcClient.id == bindparam("client_id"))
ALL_OF_CLIENT = select(*OidcClient.__table__.columns).where(OidcClient.id == bindparam("client_id"))
NAMES_LIKE = select(OidcClient.name).where(OidcClient.name.like(bindparam("like")))
BY_TERMINAL = select(Terminal.name).where(Terminal.id == bindparam("terminal_id"))
RENAMING = (
    update(OidcClient)
    .where(OidcClient.id == bindparam("of"))
    .values(name=bindparam("to"))
    .execution_options(synchronize_session=False)
)
AT_ONCE = 40


async def some_clients(database: Database, count: int = 1) -> list[str]:
    async with database.transaction() as session:
        return [
            (await clients.add(session, COUNCIL, actor=SYSTEM, now=NOW)).client_id
            for _ in range(count)
        ]


async def rename(database: Database, client_id: str, to: str) -> None:
    async with database.statements() as executor:
        await executor.execute(RENAMING, {"of": client_id, "to": to})


async def name_of(database: Database, client_id: str) -> str | None:
    async with database.statements() as executor:
        return (await executor.execute(NAME, {"client_id": client_id})).scalar_one_or_none()


async def test_every_kind_of_column_reads_as_through_sqlalchemy(migrated: Database) -> None:
    [client_id] = await some_clients(migrated)
    async with migrated.statements() as executor:
        own = (await executor.execute(ALL_OF_CLIENT, {"client_id": client_id})).one()
    async with migrated.reading() as connection:
        through = (await connection.execute(ALL_OF_CLIENT, {"client_id": client_id})).one()
    assert own._asdict() == through._asdict()
    assert [type(value) for value in own] == [type(value) for value in through]


async def test_many_who_ask_at_once_get_each_their_own_answer(migrated: Database) -> None:
    ids = await some_clients(migrated, AT_ONCE)
    for number, client_id in enumerate(ids):
        await rename(migrated, client_id, f"Client {number}")
    asked = [*ids, "kc-unknown", *reversed(ids)]
    found = await asyncio.gather(*(name_of(migrated, client_id) for client_id in asked))
    names = [f"Client {number}" for number in range(AT_ONCE)]
    assert found == [*names, None, *reversed(names)]


async def test_answers_of_several_rows_are_kept_apart(migrated: Database) -> None:
    for number, client_id in enumerate(await some_clients(migrated, 4)):
        await rename(migrated, client_id, f"{'even' if number % 2 == 0 else 'odd'} {number}")

    async def like(pattern: str) -> set[str]:
        async with migrated.statements() as executor:
            return set((await executor.execute(NAMES_LIKE, {"like": pattern})).scalars())

    found = await asyncio.gather(*(like(each) for each in ("even%", "odd%", "nobody", "%")))
    assert found == [
        {"even 0", "even 2"},
        {"odd 1", "odd 3"},
        set(),
        {"even 0", "odd 1", "even 2", "odd 3"},
    ]


async def test_one_row_is_asked_for_and_not_any_of_several(migrated: Database) -> None:
    for client_id in await some_clients(migrated, 2):
        await rename(migrated, client_id, "the same")
    async with migrated.statements() as executor:
        both = await executor.execute(NAMES_LIKE, {"like": "the same"})
        assert [row.name for row in both] == ["the same", "the same"]
        for ask in ("one", "one_or_none", "scalar_one", "scalar_one_or_none"):
            several = await executor.execute(NAMES_LIKE, {"like": "the same"})
            with pytest.raises(MultipleResultsFound):
                getattr(several, ask)()
        for ask in ("one", "scalar_one"):
            nobody = await executor.execute(NAMES_LIKE, {"like": "nobody"})
            with pytest.raises(NoResultFound):
                getattr(nobody, ask)()


async def test_a_row_that_seldom_changes_is_read_anew_when_it_did(migrated: Database) -> None:
    [client_id] = await some_clients(migrated)
    async with migrated.statements() as executor:
        for number in range(3):
            await rename(migrated, client_id, str(number))
            for _ in range(2):
                found = await clients.find(executor, client_id)
                assert found is not None
                assert found.name == str(number)


async def test_nobody_is_given_an_answer_from_before_they_asked(migrated: Database) -> None:
    [client_id] = await some_clients(migrated)
    stop = asyncio.Event()

    async def keep_asking() -> None:
        while not stop.is_set():
            await name_of(migrated, client_id)

    others = [asyncio.create_task(keep_asking()) for _ in range(4)]
    try:
        for number in range(30):
            await rename(migrated, client_id, str(number))
            assert await name_of(migrated, client_id) == str(number)
    finally:
        stop.set()
        await asyncio.gather(*others)


async def test_whoever_goes_away_takes_nobodys_answer_along(migrated: Database) -> None:
    ids = await some_clients(migrated, 3)
    asking = [asyncio.create_task(name_of(migrated, client_id)) for client_id in ids]
    await asyncio.sleep(0)
    asking[1].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [found[0], found[2]] == [COUNCIL.name, COUNCIL.name]
    assert isinstance(found[1], asyncio.CancelledError)
    assert await name_of(migrated, ids[1]) == COUNCIL.name


async def test_a_fault_is_told_to_whoever_asked_and_the_next_is_answered(
    migrated: Database,
) -> None:
    [client_id] = await some_clients(migrated)

    async def ask(terminal_id: object) -> object:
        async with migrated.statements() as executor:
            found = await executor.execute(BY_TERMINAL, {"terminal_id": terminal_id})
            return found.scalar_one_or_none()

    wrong = await asyncio.gather(ask("no id"), ask("no id"), return_exceptions=True)
    assert all(isinstance(each, Exception) for each in wrong), wrong
    assert await ask(new_id()) is None
    assert await name_of(migrated, client_id) == COUNCIL.name


async def test_of_many_at_once_exactly_one_spends_an_identifier(migrated: Database) -> None:
    async def spend() -> bool:
        async with migrated.statements() as executor:
            ends = NOW + timedelta(minutes=1)
            return await spent.first_use(executor, SpentKind.DPOP, "one proof", expires_at=ends)

    assert sorted(await asyncio.gather(*(spend() for _ in range(8)))) == [False] * 7 + [True]
    async with migrated.transaction() as session:
        assert len((await session.scalars(select(OidcSpentId))).all()) == 1


async def test_what_was_written_stays_without_a_commit(migrated: Database) -> None:
    [client_id] = await some_clients(migrated)
    await rename(migrated, client_id, "Renamed")
    async with migrated.transaction() as session:
        assert await session.scalar(NAME, {"client_id": client_id}) == "Renamed"


async def test_a_parameter_that_is_missing_is_a_fault(migrated: Database) -> None:
    async with migrated.statements() as executor:
        with pytest.raises((KeyError, StatementError), match="client_id"):
            await executor.execute(NAME)


async def test_what_the_driver_cannot_be_given_is_said(migrated: Database) -> None:
    if migrated.on_sqlite:
        pytest.skip("SQLite runs every statement through SQLAlchemy")
    a_list = select(OidcClient.name).where(OidcClient.id.in_(bindparam("ids", expanding=True)))
    async with migrated.statements() as executor:
        with pytest.raises(NotImplementedError):
            await executor.execute(a_list, {"ids": ["a"]})


async def test_a_statement_made_for_one_call_carries_its_values(migrated: Database) -> None:
    row = {
        "kind": SpentKind.ASSERTION,
        "digest": UUID(int=7).bytes,
        "expires_at": NOW,
    }
    async with migrated.statements() as executor:
        made = insert(OidcSpentId).values(row).returning(OidcSpentId.expires_at)
        assert (await executor.execute(made)).scalar_one() == NOW
        question = select(OidcSpentId.kind).where(OidcSpentId.digest == UUID(int=7).bytes)
        assert (await executor.execute(question)).scalar_one() is SpentKind.ASSERTION


async def test_nobody_waits_for_ever(migrated: Database) -> None:
    """However asking and answers meet: those who come as a journey ends are taken along."""
    ids = await some_clients(migrated, 5)

    async def ask_now_and_then(number: int) -> None:
        for turn in range(25):
            assert await name_of(migrated, ids[(number + turn) % 5]) == COUNCIL.name
            for _ in range((number * turn) % 4):
                await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask_now_and_then(number) for number in range(12)))


async def test_many_identifiers_are_spent_at_once_each_by_one(migrated: Database) -> None:
    async def spend(identifier: str) -> bool:
        async with migrated.statements() as executor:
            ends = NOW + timedelta(minutes=1)
            kind = SpentKind.ASSERTION
            return await spent.first_use(executor, kind, identifier, expires_at=ends)

    names = [f"assertion {number % 20}" for number in range(60)]
    won = await asyncio.gather(*(spend(name) for name in names))
    assert won.count(True) == 20
    assert {name for name, first in zip(names, won, strict=True) if first} == set(names)
