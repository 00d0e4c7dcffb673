"""Migrations lead to the tables the code expects, and back to none."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, inspect, text

from cardservice import schema
from cardservice.database import Database
from identity.db import Base


async def test_up_down_and_up_again_equals_the_models(database_url: str) -> None:
    database = Database(database_url)
    try:
        await schema.upgrade(database.engine)
        assert await schema.current(database.engine) == schema.head()
        assert await _differences(database) == []
        await schema.downgrade(database.engine, "base")
        assert await _tables(database) == {"alembic_version"}
        await schema.upgrade(database.engine)
        assert await _differences(database) == []
    finally:
        await schema.downgrade(database.engine, "base")
        await database.close()


async def test_each_step_can_be_taken_back_by_itself(database_url: str) -> None:
    database = Database(database_url)
    revisions = [each.revision for each in _scripts().walk_revisions()][::-1]
    try:
        for revision in revisions:
            await schema.upgrade(database.engine, revision)
            before = await _columns_and_indexes(database)
            await schema.downgrade(database.engine, "-1")
            assert await _columns_and_indexes(database) != before
            await schema.upgrade(database.engine, revision)
            assert await _columns_and_indexes(database) == before
    finally:
        await schema.downgrade(database.engine, "base")
        await database.close()


async def test_every_check_of_the_models_is_in_the_database(migrated: Database) -> None:
    """What comparing metadata does not compare."""

    def checks(connection: Connection) -> set[str]:
        found = inspect(connection)
        return {
            str(check["name"])
            for table in Base.metadata.tables
            for check in found.get_check_constraints(table)
        }

    expected = {
        str(constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    async with migrated.engine.connect() as connection:
        assert await connection.run_sync(checks) == expected


async def test_a_new_database_holds_nobody_who_could_sign_in(database_url: str) -> None:
    database = Database(database_url)
    try:
        await schema.upgrade(database.engine)
        async with database.transaction() as session:
            for table in ("account", "staff_member", "oidc_client", "terminal"):
                count = text(f"SELECT count(*) FROM {table}")  # noqa: S608  (names above)
                assert await session.scalar(count) == 0
    finally:
        await schema.downgrade(database.engine, "base")
        await database.close()


def test_revisions_are_numbered_in_one_line_from_0001() -> None:
    numbers = [each.revision for each in _scripts().walk_revisions()][::-1]
    assert numbers == [f"{n:04d}" for n in range(1, len(numbers) + 1)]
    assert len(_scripts().get_heads()) == 1


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(schema.migrations()))


async def _differences(database: Database) -> list[object]:
    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


async def _tables(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def _columns_and_indexes(database: Database) -> set[str]:
    def named(connection: Connection) -> set[str]:
        found = inspect(connection)
        columns, indexes = found.get_multi_columns(), found.get_multi_indexes()
        return {
            f"{table}.{each['name']}" for (_, table), all_ in columns.items() for each in all_
        } | {f"{table}.{each['name']}" for (_, table), all_ in indexes.items() for each in all_}

    async with database.engine.connect() as connection:
        return await connection.run_sync(named)
