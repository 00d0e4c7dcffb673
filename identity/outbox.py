"""Messages to people: queued in the transaction that causes them, sent by a worker.

How they leave is the business of a `Carrier`: files that one can read, or GOV.UK Notify. A message
is put off before it is handed over, in a transaction of its own, so that a worker that dies in
between only sends it later, perhaps twice; what cannot be sent is tried again, each time later, and
given up in the end with a word that says why.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import new_id
from identity.models import OutboxMessage
from identity.personal import Vault

_TABLE: Final = OutboxMessage.__tablename__
_BATCH: Final = 100
STAMP: Final = "%Y%m%dT%H%M%S"
"""How the name of a written message begins: the moment it was queued."""
WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720))
"""After each failed try. After the last, the message is given up."""
WITHHELD: Final = "withheld"
TOO_LATE: Final = "too-late"
TRIED_ENOUGH: Final = "tried-enough"
UNSENT: Final = OutboxMessage.delivered_at.is_(None) & OutboxMessage.failed_at.is_(None)

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Message(msgspec.Struct, frozen=True):
    """A message, opened. `kind` is a permanent word such as `sign-in-code`."""

    id: UUID
    to: str
    kind: str
    text: str
    created_at: datetime

    @property
    def file_name(self) -> str:
        """Under which name it is written into an outbox directory."""
        return f"{self.created_at:{STAMP}}-{self.kind}-{self.id}.txt"

    @property
    def is_text_message(self) -> bool:
        """Whether it goes to a mobile number; every other goes to an e-mail address."""
        return self.to.startswith("+")


class Sent(msgspec.Struct, frozen=True):
    """The carrier took the message."""


class TryLater(msgspec.Struct, frozen=True):
    """The carrier could not take it now."""


class NeverSent(msgspec.Struct, frozen=True):
    """The carrier will never take this message. `why` is a permanent word for the log."""

    why: str


Outcome = Sent | TryLater | NeverSent


class Carrier(Protocol):
    """What takes messages to people."""

    async def send(self, message: Message) -> Outcome:
        """Hand one message over."""
        ...


class Delivery(msgspec.Struct, frozen=True):
    """How a turn of the worker went."""

    sent: int
    put_off: int
    given_up: int


def queue(
    session: AsyncSession,
    vault: Vault,
    to: str,
    kind: str,
    text: str,
    *,
    useful_until: datetime | None = None,
    withheld: bool = False,
    now: datetime,
) -> None:
    """Queue a message in the caller's transaction; it goes out only if that is committed.

    Args:
        session: the transaction.
        vault: seals address and text.
        to: an e-mail address, or a mobile number in international form.
        kind: a permanent word.
        text: what is sent.
        useful_until: after that it is not sent any more.
        withheld: store it as one that is never sent.
        now: when.
    """
    row_id = new_id()
    session.add(
        OutboxMessage(
            id=row_id,
            kind=kind,
            created_at=now,
            sealed_to=vault.seal(_TABLE, "sealed_to", row_id, to),
            sealed_text=vault.seal(_TABLE, "sealed_text", row_id, text),
            due_at=None if withheld else now,
            useful_until=useful_until,
            failed_at=now if withheld else None,
            failure=WITHHELD if withheld else None,
        )
    )


async def withdraw(session: AsyncSession, vault: Vault, *contacts: str) -> int:
    """Take back what waits to be sent to somebody. Returns how many messages."""
    waiting = select(OutboxMessage).where(UNSENT).with_for_update()
    taken = [row for row in await session.scalars(waiting) if _opened(vault, row).to in contacts]
    for row in taken:
        await session.delete(row)
    await session.flush()
    return len(taken)


async def forget(session: AsyncSession, vault: Vault, *contacts: str) -> tuple[str, ...]:
    """Remove every message to somebody, sent or not. Returns the names of files they may be in."""
    found = await addressed_to(session, vault, *contacts)
    removing = delete(OutboxMessage).where(OutboxMessage.id.in_([each.id for each in found]))
    await session.execute(removing)
    return tuple(message.file_name for message in found)


async def addressed_to(session: AsyncSession, vault: Vault, *contacts: str) -> tuple[Message, ...]:
    """Every message to somebody that is kept, oldest first. All are opened to find them."""
    rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.created_at))
    return tuple(message for row in rows if (message := _opened(vault, row)).to in contacts)


async def messages(session: AsyncSession, vault: Vault, *, most: int = 20) -> tuple[Message, ...]:
    """The newest messages that were or will be sent, newest first."""
    newest = select(OutboxMessage).where(OutboxMessage.failed_at.is_(None))
    page = newest.order_by(OutboxMessage.created_at.desc()).limit(most)
    return tuple(_opened(vault, row) for row in await session.scalars(page))


async def deliver(
    transaction: Transaction, vault: Vault, carrier: Carrier, *, now: datetime
) -> Delivery:
    """Hand over what is due, oldest first, at most a hundred messages.

    Two workers never take the same message on PostgreSQL.
    """
    async with transaction() as session:
        late = await _give_up(session, OutboxMessage.useful_until <= now, TOO_LATE, now)
        due = await _taken(session, vault, now=now)
    sent = put_off = 0
    for message in due:
        outcome = await carrier.send(message)
        async with transaction() as session:
            if isinstance(outcome, TryLater):
                spent = await _give_up(session, _is_spent(message.id), TRIED_ENOUGH, now)
                put_off, late = put_off + 1 - spent, late + spent
            elif isinstance(outcome, NeverSent):
                late += await _give_up(session, OutboxMessage.id == message.id, outcome.why, now)
            else:
                await _change(session, OutboxMessage.id == message.id, {"delivered_at": now})
                sent += 1
    return Delivery(sent, put_off, late)


async def standing(session: AsyncSession) -> Mapping[str, int]:
    """How many messages were sent, wait, or were given up, the last by the reason."""
    sent = await session.scalar(
        select(func.count(OutboxMessage.id)).where(OutboxMessage.delivered_at.is_not(None))
    )
    waiting = await session.scalar(select(func.count(OutboxMessage.id)).where(UNSENT))
    failed = await session.execute(
        select(OutboxMessage.failure, func.count(OutboxMessage.id))
        .where(OutboxMessage.failed_at.is_not(None))
        .group_by(OutboxMessage.failure)
        .order_by(OutboxMessage.failure)
    )
    return {"sent": sent or 0, "waiting": waiting or 0} | {why or "": n for why, n in failed}


async def _taken(session: AsyncSession, vault: Vault, *, now: datetime) -> Sequence[Message]:
    """What is due, each put off until its next try; after the last there is no other."""
    rows = await session.scalars(
        select(OutboxMessage)
        .where(UNSENT, OutboxMessage.due_at <= now)
        .order_by(OutboxMessage.created_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for row in rows.all():
        row.due_at = now + WAITS[min(row.tries, len(WAITS) - 1)]
        row.tries += 1
        taken.append(_opened(vault, row))
    return taken


def _is_spent(message_id: UUID) -> ColumnElement[bool]:
    return (OutboxMessage.id == message_id) & (OutboxMessage.tries > len(WAITS))


async def _give_up(
    session: AsyncSession, which: ColumnElement[bool], why: str, now: datetime
) -> int:
    return await _change(session, which, {"failed_at": now, "failure": why})


async def _change(
    session: AsyncSession, which: ColumnElement[bool], values: Mapping[str, Any]
) -> int:
    changing = update(OutboxMessage).where(UNSENT, which).returning(OutboxMessage.id)
    done = await session.execute(
        changing.values(due_at=None, **values), execution_options={"synchronize_session": False}
    )
    return len(done.all())


def _opened(vault: Vault, row: OutboxMessage) -> Message:
    return Message(
        id=row.id,
        to=vault.open(_TABLE, "sealed_to", row.id, row.sealed_to),
        kind=row.kind,
        text=vault.open(_TABLE, "sealed_text", row.id, row.sealed_text),
        created_at=row.created_at,
    )
