"""What people wait for goes out while the worker decides for everybody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from cardservice import work
from cardservice.app import provider_of
from cardservice.database import Database
from cardservice.settings import Settings
from entitlements import assessing, grants, reassessment, webhook_sending
from entitlements.models import Grant
from entitlements.webhook_sending import Way
from identity import accounts, outbox
from identity.keys import FileKeyStore
from identity.outbox_files import OutboxFiles
from identity.personal import Vault
from tests.support.patience import PATIENCE
from tests.support.people import CLERK, JEAN, NOW

DUE = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
"""Jean reaches pensionable age that day."""


@asynccontextmanager
async def means(
    database: Database, keystore: FileKeyStore, directory: Path
) -> AsyncIterator[work.Means]:
    async with httpx.AsyncClient() as http, webhook_sending.connections() as posts:
        yield work.Means(
            database=database,
            provider=provider_of(Settings(), keystore),
            http=http,
            way=Way(posts, loopback=False),
            registers={},
            carrier=OutboxFiles(directory),
            outbox=directory,
            settings=Settings(),
            stopping=asyncio.Event(),
        )


async def jean(database: Database, vault: Vault) -> UUID:
    async with database.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


async def say(database: Database, vault: Vault, words: str) -> None:
    async with database.transaction() as session:
        outbox.queue(session, vault, JEAN.email, "sign-in-code", words, now=DUE)


async def passes(database: Database) -> int:
    async with database.transaction() as session:
        given = select(func.count()).select_from(Grant).where(Grant.scheme == "travel-older")
        return await session.scalar(given) or 0


async def in_time(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  (a database says nothing of itself)
            await asyncio.sleep(0.01)


def written(directory: Path) -> list[str]:
    files = directory.iterdir() if directory.exists() else ()
    return [path.read_text().splitlines()[-1] for path in files]


async def has_gone(directory: Path, words: str) -> bool:
    return words in written(directory)


async def has_a_pass(database: Database) -> bool:
    return await passes(database) == 1


async def test_a_message_goes_out_while_a_look_at_everybody_waits_for_somebody(
    migrated: Database,
    vault: Vault,
    keystore: FileKeyStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if migrated.on_sqlite:
        pytest.skip("SQLite has one writer: whoever holds somebody's row holds everybody's")
    monkeypatch.setattr(work, "TICK_SECONDS", 0.05)
    resident = await jean(migrated, vault)
    async with migrated.transaction() as session:
        await reassessment.begin(session, "a test", now=DUE)
    async with means(migrated, keystore, tmp_path / "outbox") as with_these:
        async with migrated.transaction() as held:
            await grants.lock_holder(held, resident)
            worker = asyncio.create_task(work.work(with_these, lambda: DUE))
            for words in ("first", "second"):  # the second is of a later turn
                await say(migrated, vault, words)
                await in_time(partial(has_gone, tmp_path / "outbox", words))
            assert await passes(migrated) == 0
        await in_time(partial(has_a_pass, migrated))
        with_these.stopping.set()
        await worker


async def test_once_the_worker_does_both_lines_and_ends(
    migrated: Database, vault: Vault, keystore: FileKeyStore, tmp_path: Path
) -> None:
    await jean(migrated, vault)
    await say(migrated, vault, "a code")
    async with means(migrated, keystore, tmp_path / "outbox") as with_these:
        assert await work.work_once(with_these, now=DUE)
    assert "a code" in written(tmp_path / "outbox")
    assert await passes(migrated) == 1


async def test_a_worker_that_is_stopped_leaves_a_look_at_everybody_to_be_gone_on_with(
    migrated: Database, vault: Vault, keystore: FileKeyStore, tmp_path: Path
) -> None:
    await jean(migrated, vault)
    async with migrated.transaction() as session:
        await reassessment.begin(session, "a test", now=DUE)
    async with means(migrated, keystore, tmp_path / "outbox") as with_these:
        with_these.stopping.set()
        assert await work.what_takes_long(with_these, now=DUE, nightly=True)
    async with migrated.transaction() as session:
        run = await reassessment.under_way(session)
    assert run is not None
    assert run.looked_at == 1
