"""Taps as terminals uploaded them: each kept once and for ever, whatever is sent again."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Insert, delete, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Tap, TapConflict, Terminal
from cardservice.terminals import KnownTerminal
from entitlements.models import ServiceNumber, ServiceRecord
from identity import audit_batches
from identity.audit_batches import Stream
from identity.db import Base
from identity.models import Account, AccountState
from readers.contract.windows import london_date
from readers.contract.wire import TapEvent

QUARANTINE_LIMIT: Final = 20_000
"""Most taps kept of one revoked terminal: its key may be in the hands of a thief."""

STREAM: Final = Stream(
    "taps",
    Tap,
    (
        *("terminal_id", "sequence", "taken_at", "received_at", "service", "accepted", "mode"),
        *("reason", "number", "status_index", "record_sequence", "digest"),
    ),
)
"""What the audit seals: all that a tap says. Whether it is trusted may change afterwards."""


_SAID_SINCE: Final = ("repeats", "shown", "link")
"""Fields of a tap that came with the chain of the journal."""


class Ingested(msgspec.Struct, frozen=True):
    """What became of a batch.

    Attributes:
        stored: sequences that are safe here.
        new: how many were not before.
        conflicts: how many said something else than what is stored under their sequence.
    """

    stored: tuple[int, ...]
    new: int
    conflicts: int


class ShownTap(msgspec.Struct, frozen=True):
    """A tap as a page shows it.

    Attributes:
        unseen: the reader ended before it noted that the answer was shown.
    """

    at: datetime
    place: str
    service: str
    accepted: bool
    reason: str | None
    unseen: bool = False


async def ingest(
    session: AsyncSession, terminal: KnownTerminal, events: Sequence[TapEvent], *, now: datetime
) -> Ingested:
    """Store a batch, in any order and any number of times.

    Under a sequence that is taken, the first tap stays as it is and another one is kept beside it.
    Taps of a revoked terminal are marked, up to a limit; the caller refuses the request all the
    same. Sent again by the terminal once it was enrolled anew, they are marked no longer.
    """
    if terminal.revoked and await _quarantine_is_full(session, terminal.id):
        return Ingested((), 0, 0)
    rows = rows_of(terminal, events, now)
    statement = insert_new(session, Tap).returning(Tap.sequence)
    fresh = (await session.scalars(statement, rows)).all()
    conflicts = 0
    if len(fresh) < len(rows):
        conflicts = await _keep_conflicts(session, terminal.id, events, rows, now)
        if not terminal.revoked:
            await _accept(session, terminal.id, rows)
    return Ingested(tuple(event.sequence for event in events), len(fresh), conflicts)


async def of_account(
    session: AsyncSession, account_id: UUID, *, most: int = 50
) -> Sequence[ShownTap]:
    """A resident's latest taps, newest first, of all their cards."""
    query = (
        select(Tap.taken_at, Terminal.place, Tap.service, Tap.accepted, Tap.reason, Tap.shown)
        .join(Terminal, Terminal.id == Tap.terminal_id)
        .join(
            ServiceRecord,
            (ServiceRecord.service == Tap.service)
            & (ServiceRecord.status_index == Tap.status_index),
        )
        .where(ServiceRecord.account_id == account_id, Tap.after_revocation.is_(False))
        .order_by(Tap.taken_at.desc(), Tap.sequence.desc())
        .limit(most)
    )
    rows = await session.execute(query)
    return [
        ShownTap(at, place, service.value, ok, why, unseen=shown is False)
        for at, place, service, ok, why, shown in rows
    ]


async def forget_batch(session: AsyncSession, *, before: datetime, now: datetime) -> int:
    """Remove the taps of the oldest batch that was sealed before a moment. Returns how many.

    Of each number only the day of its last accepted tap is kept.
    Source: UK GDPR Article 5(1)(c): to know that a pass is used nobody needs to know where.
    """
    batch = await audit_batches.oldest_before(session, STREAM, before)
    if batch is None:
        return 0
    await _keep_last_use(session, batch)
    taken = select(Tap.terminal_id, Tap.sequence).where(Tap.batch == batch)
    key = tuple_(TapConflict.terminal_id, TapConflict.sequence)
    await session.execute(delete(TapConflict).where(key.in_(taken)))
    return await audit_batches.forget(session, STREAM, batch, now=now)


async def _keep_last_use(session: AsyncSession, batch: int) -> None:
    query = (
        select(Tap.service, Tap.number, func.max(Tap.taken_at))
        .where(Tap.batch == batch, Tap.accepted, Tap.number.is_not(None))
        .group_by(Tap.service, Tap.number)
    )
    known = select(Account.id).where(Account.state != AccountState.ERASED)
    for service, number, last in (await session.execute(query)).all():
        day = london_date(last)
        later = ServiceNumber.last_used_on.is_(None) | (ServiceNumber.last_used_on < day)
        of_number = (ServiceNumber.service == service) & (ServiceNumber.number == number)
        used = update(ServiceNumber).where(of_number, later, ServiceNumber.account_id.in_(known))
        await session.execute(
            used.values(last_used_on=day), execution_options={"synchronize_session": False}
        )


async def _quarantine_is_full(session: AsyncSession, terminal_id: UUID) -> bool:
    query = select(func.count()).where(
        Tap.terminal_id == terminal_id, Tap.after_revocation.is_(True)
    )
    return (await session.scalar(query) or 0) >= QUARANTINE_LIMIT


async def _accept(session: AsyncSession, terminal_id: UUID, rows: Sequence[dict[str, Any]]) -> None:
    """Trust what was put aside and is now sent again, word for word, by a terminal in order."""
    accepting = update(Tap).where(
        Tap.terminal_id == terminal_id,
        Tap.sequence.in_([row["sequence"] for row in rows]),
        Tap.digest.in_([row["digest"] for row in rows]),
        Tap.after_revocation.is_(True),
    )
    await session.execute(accepting.values(after_revocation=False))


async def _keep_conflicts(
    session: AsyncSession,
    terminal_id: UUID,
    events: Sequence[TapEvent],
    rows: Sequence[dict[str, Any]],
    now: datetime,
) -> int:
    stored = select(Tap.sequence, Tap.digest).where(
        Tap.terminal_id == terminal_id, Tap.sequence.in_([event.sequence for event in events])
    )
    first = dict((await session.execute(stored)).all())
    conflicting = [
        {
            "terminal_id": terminal_id,
            "sequence": event.sequence,
            "received_at": now,
            "digest": row["digest"],
            "event": msgspec.to_builtins(event),
        }
        for event, row in zip(events, rows, strict=True)
        if first[event.sequence] not in (row["digest"], _digest_of_old(event))
    ]
    if conflicting:
        await session.execute(insert_new(session, TapConflict), conflicting)
    return len(conflicting)


def insert_new(session: AsyncSession, table: type[Base]) -> Insert:
    """An insert that leaves out rows whose key is taken."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def rows_of(
    terminal: KnownTerminal, events: Sequence[TapEvent], now: datetime
) -> list[dict[str, Any]]:
    """The rows of a batch, column -> value."""
    return [_row(terminal, event, now) for event in events]


def _row(terminal: KnownTerminal, event: TapEvent, now: datetime) -> dict[str, Any]:
    return {
        "terminal_id": terminal.id,
        "sequence": event.sequence,
        "taken_at": event.taken_at,
        "received_at": now,
        "service": event.service,
        "accepted": event.accepted,
        "mode": event.mode,
        "reason": event.reason.value if event.reason else None,
        "number": event.number,
        "status_index": event.status_index,
        "record_sequence": event.record_sequence,
        "repeats": event.repeats,
        "shown": event.shown,
        "link": event.link,
        "after_revocation": terminal.revoked,
        "digest": _digest(event),
    }


def _digest(event: TapEvent) -> bytes:
    """Equal for equal taps, whatever zone their time was written in.

    What older terminals do not say is left out where it is not said, so that a tap has the same
    digest whichever version of the server took it.
    """
    content = msgspec.to_builtins(
        msgspec.structs.replace(event, taken_at=event.taken_at.astimezone(UTC))
    )
    for name in _SAID_SINCE:
        if content[name] is None:
            del content[name]
    return hashlib.sha256(msgspec.json.encode(content)).digest()


def _digest_of_old(event: TapEvent) -> bytes:
    """As an older version of the server took a tap of which it did not understand everything."""
    return _digest(msgspec.structs.replace(event, **dict.fromkeys(_SAID_SINCE)))
