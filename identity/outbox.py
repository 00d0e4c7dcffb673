"""Messages to people: queued in the transaction that causes them, delivered by a worker."""

import asyncio
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import new_id
from identity.models import OutboxMessage
from identity.personal import Vault

_TABLE: Final = OutboxMessage.__tablename__
_BATCH: Final = 100
_STAMP: Final = "%Y%m%dT%H%M%S"
_WRITTEN: Final = re.compile(r"\d{8}T\d{6}-[a-z-]+-[0-9a-f-]{36}\.txt")


class Message(msgspec.Struct, frozen=True):
    """A message, opened. `kind` is a permanent word such as `sign-in-code`."""

    id: UUID
    to: str
    kind: str
    text: str
    created_at: datetime


def queue(
    session: AsyncSession, vault: Vault, to: str, kind: str, text: str, *, now: datetime
) -> None:
    """Queue a message in the caller's transaction; it goes out only if that is committed."""
    row_id = new_id()
    session.add(
        OutboxMessage(
            id=row_id,
            kind=kind,
            created_at=now,
            sealed_to=vault.seal(_TABLE, "sealed_to", row_id, to),
            sealed_text=vault.seal(_TABLE, "sealed_text", row_id, text),
        )
    )


async def withdraw(session: AsyncSession, vault: Vault, to: str) -> int:
    """Take back what waits to be sent to an address. Returns how many messages."""
    waiting = select(OutboxMessage).where(OutboxMessage.delivered_at.is_(None)).with_for_update()
    taken = [row for row in await session.scalars(waiting) if _opened(vault, row).to == to]
    for row in taken:
        await session.delete(row)
    await session.flush()
    return len(taken)


async def forget(session: AsyncSession, vault: Vault, *contacts: str) -> tuple[str, ...]:
    """Remove every message to somebody, sent or not. Returns the names of files they are in."""
    found = await addressed_to(session, vault, *contacts)
    removing = delete(OutboxMessage).where(OutboxMessage.id.in_([each.id for each in found]))
    await session.execute(removing)
    return tuple(_file_name(message) for message in found)


async def addressed_to(session: AsyncSession, vault: Vault, *contacts: str) -> tuple[Message, ...]:
    """Every message to somebody that is kept, oldest first. All are opened to find them."""
    rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.created_at))
    return tuple(message for row in rows if (message := _opened(vault, row)).to in contacts)


def remove_files(directory: Path, names: Iterable[str]) -> None:
    """Remove written messages from the directory; those that are gone already are no fault.

    Raises:
        OSError: one cannot be removed.
    """
    for name in names:
        (directory / name).unlink(missing_ok=True)


def written_before(directory: Path, moment: datetime) -> tuple[str, ...]:
    """The names of messages in the directory that were queued before a moment."""
    if not directory.is_dir():
        return ()
    limit = f"{moment.astimezone(UTC):{_STAMP}}"
    names = (path.name for path in directory.glob("*.txt"))
    return tuple(sorted(name for name in names if _WRITTEN.match(name) and name[:15] < limit))


async def messages(session: AsyncSession, vault: Vault, *, most: int = 20) -> tuple[Message, ...]:
    """The newest messages, newest first."""
    newest = select(OutboxMessage).order_by(OutboxMessage.created_at.desc()).limit(most)
    return tuple(_opened(vault, row) for row in await session.scalars(newest))


async def deliver(session: AsyncSession, vault: Vault, directory: Path, *, now: datetime) -> int:
    """Write every waiting message into a directory, one readable text file each, oldest first.

    A message whose delivery is not committed is written again, to the same file. Two workers never
    take the same message on PostgreSQL.

    Returns:
        How many were written, at most 100.

    Raises:
        OSError: the directory cannot be written; the messages go on waiting.
    """
    waiting = (
        select(OutboxMessage)
        .where(OutboxMessage.delivered_at.is_(None))
        .order_by(OutboxMessage.created_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    rows = (await session.scalars(waiting)).all()
    await asyncio.to_thread(_write_all, directory, [_opened(vault, row) for row in rows])
    for row in rows:
        row.delivered_at = now
    return len(rows)


def _opened(vault: Vault, row: OutboxMessage) -> Message:
    return Message(
        id=row.id,
        to=vault.open(_TABLE, "sealed_to", row.id, row.sealed_to),
        kind=row.kind,
        text=vault.open(_TABLE, "sealed_text", row.id, row.sealed_text),
        created_at=row.created_at,
    )


def _write_all(directory: Path, waiting: Iterable[Message]) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for message in waiting:
        _write(directory, message)


def _write(directory: Path, message: Message) -> None:
    """One file, readable by its owner only, never seen half written."""
    name = _file_name(message)
    beside = directory / f".{name}.new"
    content = f"To: {message.to}\nDate: {message.created_at:%Y-%m-%d %H:%M} UTC\n\n{message.text}\n"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(content)
    beside.replace(directory / name)


def _file_name(message: Message) -> str:
    return f"{message.created_at:{_STAMP}}-{message.kind}-{message.id}.txt"
