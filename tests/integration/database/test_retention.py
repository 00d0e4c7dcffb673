"""What is kept for too long is removed, what is not stays, and the trail stays whole."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, update

from cardservice import jobs, retention, taps
from cardservice.database import Database
from cardservice.holdings import HOLDINGS
from cardservice.holdings.people import MESSAGES_KEPT
from cardservice.models import Tap, TapConflict
from entitlements.models import ServiceNumber
from identity import accounts, outbox_files
from identity.audit_check import Broken, Fault, Intact, verify
from identity.keys import FileKeyStore
from identity.models import OutboxMessage
from identity.outbox_files import OutboxFiles
from identity.personal import Vault
from identity.signin_models import KnownDevice, OneTimeCode, Session
from identity.trail_models import AuditRow, RecordRead
from readers.contract.services import Service
from tests.support.lives import WILL, a_full_life, site
from tests.support.people import CLERK, NOW

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
GENERATIONS = timedelta(days=40 * 365)


def files_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.fixture
async def will(migrated: Database, vault: Vault, keystore: FileKeyStore) -> UUID:
    async with migrated.transaction() as session:
        partner = await site(session)
    person = await a_full_life(migrated, vault, keystore, WILL, partner)
    await jobs.seal_taps(migrated, now=NOW)
    return person


async def counted(database: Database, model: type) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def previewed(database: Database, after: timedelta) -> dict[str, int]:
    async with database.transaction() as session:
        lines = await retention.preview(session, now=NOW + after)
    return {line.table: line.rows for line in lines if line.rows}


@pytest.mark.usefixtures("will")
async def test_a_preview_says_what_a_run_removes_and_changes_nothing(
    migrated: Database,
) -> None:
    expected = await previewed(migrated, 91 * DAY)
    assert expected.keys() >= {"one_time_code", "outbox_message", "session", "tap", "tap_conflict"}
    assert await previewed(migrated, 91 * DAY) == expected
    lines = [one async for one in retention.run(migrated.transaction, now=NOW + 91 * DAY)]
    done = {line.table: line.rows for line in lines}
    # A batch of taps takes the conflicts of its taps with it.
    assert done.pop("tap_conflict") == expected.pop("tap")
    expected.pop("tap_conflict")
    assert done == {**expected}
    assert await previewed(migrated, 91 * DAY) == {}


@pytest.mark.usefixtures("will")
@pytest.mark.parametrize(
    ("model", "kept"),
    [
        (OneTimeCode, timedelta(minutes=10) + DAY),
        (OutboxMessage, MESSAGES_KEPT),
        (KnownDevice, 365 * DAY),
        (RecordRead, 6 * 365 * DAY),
    ],
)
async def test_rows_stay_to_the_last_second_of_their_period(
    migrated: Database, tmp_path: Path, model: type, kept: timedelta
) -> None:
    before = await counted(migrated, model)
    assert before > 0
    await jobs.apply_retention(migrated, tmp_path, now=NOW + kept)
    assert await counted(migrated, model) == before
    await jobs.apply_retention(migrated, tmp_path, now=NOW + kept + SECOND)
    assert await counted(migrated, model) == 0


async def test_taps_go_after_ninety_days_and_only_the_day_of_the_last_is_kept(
    migrated: Database, keystore: FileKeyStore, will: UUID, tmp_path: Path
) -> None:
    await jobs.apply_retention(migrated, tmp_path, now=NOW + 90 * DAY)
    assert await counted(migrated, Tap) > 0
    await jobs.apply_retention(migrated, tmp_path, now=NOW + 90 * DAY + SECOND)
    assert (await counted(migrated, Tap), await counted(migrated, TapConflict)) == (0, 0)
    async with migrated.transaction() as session:
        used = set(
            await session.scalars(
                select(ServiceNumber.last_used_on).where(
                    ServiceNumber.account_id == will, ServiceNumber.service == Service.LIBRARY
                )
            )
        )
        checked = await verify(session, keystore, streams=[taps.STREAM])
    assert used == {NOW.date()}
    assert isinstance(checked, Intact)
    assert checked.forgotten == {"taps": 1}


@pytest.mark.usefixtures("will")
async def test_taps_may_be_kept_for_less_than_was_promised(
    migrated: Database, tmp_path: Path
) -> None:
    week, after = timedelta(days=7), NOW + timedelta(days=7)
    await jobs.apply_retention(migrated, tmp_path, now=after, taps_kept=week)
    assert await counted(migrated, Tap) > 0
    await jobs.apply_retention(migrated, tmp_path, now=after + SECOND, taps_kept=week)
    assert await counted(migrated, Tap) == 0


@pytest.mark.usefixtures("will")
async def test_taps_that_are_missing_without_a_word_in_the_trail_are_found(
    migrated: Database, keystore: FileKeyStore
) -> None:
    async with migrated.transaction() as session:
        await session.execute(delete(TapConflict))
        await session.execute(delete(Tap))
    async with migrated.transaction() as session:
        found = await verify(session, keystore, streams=[taps.STREAM])
    assert isinstance(found, Broken)
    assert (found.chain, found.fault) == ("taps", Fault.CONTENT_CHANGED)


@pytest.mark.usefixtures("will")
async def test_taps_that_come_back_into_a_batch_that_was_forgotten_are_found(
    migrated: Database, keystore: FileKeyStore, tmp_path: Path
) -> None:
    async with migrated.transaction() as session:
        before = (await session.scalars(select(Tap))).first()
        assert before is not None
        session.expunge(before)
    await jobs.apply_retention(migrated, tmp_path, now=NOW + 91 * DAY)
    async with migrated.transaction() as session:
        values = {name: getattr(before, name) for name in Tap.__table__.columns.keys()}  # noqa: SIM118  (no mapping)
        session.add(Tap(**values))
    async with migrated.transaction() as session:
        found = await verify(session, keystore, streams=[taps.STREAM])
    assert isinstance(found, Broken)


@pytest.mark.usefixtures("will")
async def test_a_run_that_was_broken_off_is_finished_by_the_next(
    migrated: Database,
) -> None:
    after = NOW + 91 * DAY
    lines = retention.run(migrated.transaction, now=after, most=1)
    first = await anext(lines)
    await lines.aclose()  # type: ignore[attr-defined]  # an async generator has it
    left = await previewed(migrated, 91 * DAY)
    assert left
    assert first.table not in left
    assert [one async for one in retention.run(migrated.transaction, now=after, most=1)]
    assert await previewed(migrated, 91 * DAY) == {}


async def test_a_generation_later_only_what_has_no_period_is_left(
    migrated: Database, vault: Vault, will: UUID, tmp_path: Path
) -> None:
    async with migrated.transaction() as session:
        # As long as the account lives its sign-ins end by themselves, and grants with the rules.
        await session.execute(update(Session).values(ended_at=NOW))
    await jobs.apply_retention(migrated, tmp_path, now=NOW + GENERATIONS)
    assert await previewed(migrated, GENERATIONS) == {}
    async with migrated.transaction() as session:
        person = await accounts.person(session, vault, will, actor=CLERK, reason="x", now=NOW)
        acts = set(await session.scalars(select(AuditRow.action)))
    assert person.full_name == "Wilhelmina Brockbank"
    assert "retention-applied" in acts


@pytest.mark.usefixtures("will")
async def test_written_messages_are_removed_by_their_age(
    migrated: Database, vault: Vault, tmp_path: Path
) -> None:
    await jobs.deliver_messages(migrated, vault, OutboxFiles(tmp_path), now=NOW)
    (tmp_path / "notes of somebody.txt").write_text("not ours")
    written = outbox_files.written_before(tmp_path, NOW + SECOND)
    assert written
    await jobs.apply_retention(migrated, tmp_path, now=NOW + MESSAGES_KEPT)
    assert outbox_files.written_before(tmp_path, NOW + SECOND) == written
    await jobs.apply_retention(migrated, tmp_path, now=NOW + MESSAGES_KEPT + SECOND)
    assert files_in(tmp_path) == ["notes of somebody.txt"]
    assert outbox_files.written_before(tmp_path / "nowhere", NOW) == ()


def test_every_period_is_in_words() -> None:
    words = {holding.period.in_words() for holding in HOLDINGS if holding.period}
    assert "90 days after the tap reached us" in words
    assert "6 years after you left the address" in words
    assert "1 year after another answer took its place" in words
    assert "until they run out" in words
    assert not any(line.startswith("0 ") for line in words)
