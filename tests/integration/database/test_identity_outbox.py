"""Messages wait in the database and are delivered once, into files one can read."""

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from cardservice.database import Database
from identity import outbox
from identity.models import OutboxMessage
from identity.outbox_files import OutboxFiles
from identity.personal import Vault
from tests.support.people import NOW

TO = "jean@example.com"
HOUR = timedelta(hours=1)


async def queue(database: Database, vault: Vault, *texts: str) -> None:
    async with database.transaction() as session:
        for second, words in enumerate(texts):
            now = NOW + timedelta(seconds=second)
            outbox.queue(session, vault, TO, "sign-in-code", words, now=now)


async def deliver(
    database: Database, vault: Vault, directory: Path, *, now: datetime = NOW + HOUR
) -> int:
    carrier = OutboxFiles(directory)
    return (await outbox.deliver(database.transaction, vault, carrier, now=now)).sent


def last_lines(directory: Path) -> list[str]:
    return [path.read_text().splitlines()[-1] for path in sorted(directory.iterdir())]


async def test_a_waiting_message_becomes_a_file_its_owner_can_read(
    identity_database: Database, vault: Vault, tmp_path: Path
) -> None:
    await queue(identity_database, vault, "Your code is 1234 5678.")
    directory = tmp_path / "outbox"
    assert await deliver(identity_database, vault, directory) == 1
    (file,) = directory.iterdir()
    assert file.name.startswith("20261122T100000-sign-in-code-")
    assert file.suffix == ".txt"
    assert file.read_text() == (
        "To: jean@example.com\nDate: 2026-11-22 10:00 UTC\n\nYour code is 1234 5678.\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_message_is_delivered_once_and_stays_to_be_looked_at(
    identity_database: Database, vault: Vault, tmp_path: Path
) -> None:
    await queue(identity_database, vault, "first", "second")
    assert await deliver(identity_database, vault, tmp_path) == 2
    assert await deliver(identity_database, vault, tmp_path) == 0
    assert last_lines(tmp_path) == ["first", "second"]
    async with identity_database.transaction() as session:
        kept = await outbox.messages(session, vault)
    assert [message.text for message in kept] == ["second", "first"]


async def test_a_message_of_a_transaction_that_failed_is_never_sent(
    identity_database: Database, vault: Vault, tmp_path: Path
) -> None:
    async with identity_database.transaction() as session:
        outbox.queue(session, vault, TO, "sign-in-code", "never", now=NOW)
        await session.flush()
        await session.rollback()
    assert await deliver(identity_database, vault, tmp_path) == 0


async def test_messages_wait_while_the_directory_cannot_be_written(
    identity_database: Database, vault: Vault, tmp_path: Path
) -> None:
    await queue(identity_database, vault, "patient")
    blocked = tmp_path / "outbox"
    blocked.write_text("a file where the directory should be")
    with pytest.raises(OSError, match="outbox"):
        await deliver(identity_database, vault, blocked)
    blocked.unlink()
    assert await deliver(identity_database, vault, blocked) == 0
    later = NOW + HOUR + outbox.WAITS[0]
    assert await deliver(identity_database, vault, blocked, now=later) == 1


async def test_a_worker_that_died_before_it_noted_a_delivery_writes_the_same_file_again(
    identity_database: Database, vault: Vault, tmp_path: Path
) -> None:
    await queue(identity_database, vault, "again")
    assert await deliver(identity_database, vault, tmp_path) == 1
    async with identity_database.transaction() as session:
        await session.execute(update(OutboxMessage).values(delivered_at=None, due_at=NOW))
    assert await deliver(identity_database, vault, tmp_path) == 1
    assert last_lines(tmp_path) == ["again"]


async def test_a_long_queue_is_delivered_in_batches(
    identity_database: Database, vault: Vault, tmp_path: Path
) -> None:
    await queue(identity_database, vault, *(str(number) for number in range(101)))
    assert await deliver(identity_database, vault, tmp_path) == 100
    assert await deliver(identity_database, vault, tmp_path) == 1


async def test_address_and_text_are_sealed(identity_database: Database, vault: Vault) -> None:
    await queue(identity_database, vault, "Your code is 1234 5678.")
    async with identity_database.transaction() as session:
        rows = (await session.execute(text("SELECT * FROM outbox_message"))).all()
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 1
    assert "jean" not in repr(rows)
    assert "1234" not in repr(rows[0][1:])
