"""Column types: a moment is the same moment on every database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from cardservice.database import Database
from identity import audit
from identity.actors import SYSTEM
from identity.trail_models import AuditRow
from tests.support.people import NOW


async def stored(database: Database, moment: datetime) -> datetime:
    async with database.transaction() as session:
        audit.record(session, "tried", "test:1", actor=SYSTEM, now=moment)
    async with database.transaction() as session:
        return (await session.scalars(select(AuditRow.at))).one()


@pytest.mark.parametrize("hours", [0, 1, -11])
async def test_a_moment_comes_back_aware_and_in_utc(
    identity_database: Database, hours: int
) -> None:
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, timezone(timedelta(hours=hours)))
    found = await stored(identity_database, moment)
    assert found == moment
    assert found.tzinfo is UTC


async def test_moments_are_compared_as_moments(identity_database: Database) -> None:
    await stored(identity_database, NOW)
    summer = timezone(timedelta(hours=1))
    async with identity_database.transaction() as session:
        same = select(AuditRow).where(AuditRow.at == NOW.astimezone(summer))
        assert (await session.scalars(same)).one().at == NOW
        later = select(AuditRow).where(AuditRow.at > NOW - timedelta(microseconds=1))
        assert (await session.scalars(later)).one().at == NOW


async def test_a_moment_without_a_zone_is_refused(identity_database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        await stored(identity_database, NOW.replace(tzinfo=None))


async def test_an_enum_is_stored_as_its_value(identity_database: Database) -> None:
    await stored(identity_database, NOW)
    async with identity_database.transaction() as session:
        kinds = await session.scalars(text("SELECT actor_kind FROM audit_row"))
        assert kinds.all() == ["system"]


async def test_audit_rows_are_counted_in_the_order_they_were_written(
    identity_database: Database,
) -> None:
    async with identity_database.transaction() as session:
        for number in range(5):
            audit.record(session, f"act-{number}", "test:1", actor=SYSTEM, now=NOW)
            await session.flush()
    async with identity_database.transaction() as session:
        rows = await session.scalars(select(AuditRow).order_by(AuditRow.id))
        assert [row.action for row in rows] == [f"act-{number}" for number in range(5)]
