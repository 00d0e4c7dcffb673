"""Rows too many and too fast for the strict chain, sealed together soon after they are stored.

A tap must not wait for a lock that every other tap wants. It is stored at once and sealed within a
minute: the worker calls `seal` for every stream at least once in `SEALED_WITHIN`.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    delete,
    func,
    inspect,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from identity import audit
from identity.actors import SYSTEM
from identity.chain import digest_of, locked_head, move_head
from identity.trail_models import AuditBatch, AuditRow

SEALED_WITHIN: Final = timedelta(seconds=60)
MOST_ROWS: Final = 10_000
FORGOTTEN: Final = "rows-forgotten"
COVERED: Final = ("at", "row_count", "digest")
"""The columns a batch's hash covers, besides its number."""


class Stream(msgspec.Struct, frozen=True):
    """A table whose rows are sealed in batches.

    Attributes:
        name: of its chain, permanent, at most 40 characters.
        model: the table. It has a nullable integer column `batch`, written by nobody but `seal`.
        covered: the columns that may never change afterwards, its key among them.
    """

    name: str
    model: type[DeclarativeBase]
    covered: tuple[str, ...]


class Sealed(msgspec.Struct, frozen=True):
    """A batch that was sealed: its number in the stream and how many rows it holds."""

    number: int
    rows: int


class NothingToSeal(msgspec.Struct, frozen=True):
    """Every row of the stream is in a batch already."""


async def seal(
    session: AsyncSession, stream: Stream, *, now: datetime, most: int = MOST_ROWS
) -> Sealed | NothingToSeal:
    """Seal the rows that are in no batch yet, at most `most` of them.

    Sealers of one stream take turns. A row whose transaction is still open goes into a later batch.
    """
    waits = select(literal(1)).select_from(stream.model).where(_batch_of(stream.model).is_(None))
    if await session.scalar(waits.limit(1)) is None:
        return NothingToSeal()
    connection = await session.connection()
    head = await connection.run_sync(locked_head, stream.name)
    number = head.number + 1
    rows = await _claim(session, stream, number, most)
    if not rows:
        return NothingToSeal()
    digest = digest_of_rows(stream, rows)
    link = head.then(number, dict(zip(COVERED, (now, len(rows), digest), strict=True)))
    session.add(
        AuditBatch(
            stream=stream.name,
            number=number,
            at=now,
            row_count=len(rows),
            digest=digest,
            hash=link.hash,
        )
    )
    await session.flush()
    await connection.run_sync(move_head, stream.name, link)
    return Sealed(number, len(rows))


async def oldest_before(session: AsyncSession, stream: Stream, moment: datetime) -> int | None:
    """The oldest batch sealed before a moment whose rows are still there; None when none is."""
    sealed = select(AuditBatch.number).where(
        AuditBatch.stream == stream.name, AuditBatch.at < moment
    )
    batch = _batch_of(stream.model)
    return await session.scalar(select(func.min(batch)).where(batch.in_(sealed)))


async def forget(session: AsyncSession, stream: Stream, batch: int, *, now: datetime) -> int:
    """Remove the rows of a batch whose time is over. Returns how many.

    The batch itself stays in its chain, and the trail says that its rows are gone on purpose: rows
    that are missing without that are found by `audit_check`.
    """
    removing = delete(stream.model).where(_batch_of(stream.model) == batch)
    removed = removing.returning(literal(1)).execution_options(synchronize_session=False)
    rows = len((await session.execute(removed)).all())
    subject = audit.subject_of("stream", stream.name)
    detail = {"batch": batch, "rows": rows}
    audit.record(session, FORGOTTEN, subject, actor=SYSTEM, now=now, detail=detail)
    return rows


async def forgotten(session: AsyncSession, stream: Stream) -> frozenset[int]:
    """The batches whose rows the trail says are gone on purpose."""
    subject = audit.subject_of("stream", stream.name)
    told = select(AuditRow.detail).where(AuditRow.action == FORGOTTEN, AuditRow.subject == subject)
    return frozenset(detail["batch"] for detail in await session.scalars(told))


def digest_of_rows(stream: Stream, rows: Iterable[Row[tuple[object, ...]]]) -> bytes:
    """One digest of many rows; their order says nothing, as each carries its own key."""
    each = sorted(
        digest_of(dict(zip(stream.covered, row, strict=True), stream=stream.name)) for row in rows
    )
    return hashlib.sha256(b"".join(each)).digest()


async def rows_of(
    session: AsyncSession, stream: Stream, batch: int
) -> list[Row[tuple[object, ...]]]:
    """The rows of a batch as they are now."""
    model = stream.model
    columns = [getattr(model, name) for name in stream.covered]
    return list(await session.execute(select(*columns).where(_batch_of(model) == batch)))


async def _claim(
    session: AsyncSession, stream: Stream, batch: int, most: int
) -> list[Row[tuple[object, ...]]]:
    model = stream.model
    key = tuple_(*inspect(model).primary_key)
    waiting = select(*inspect(model).primary_key).where(_batch_of(model).is_(None)).limit(most)
    claim = (
        update(model)
        .where(key.in_(waiting))
        .values(batch=batch)
        .returning(*[getattr(model, name) for name in stream.covered])
        .execution_options(synchronize_session=False)
    )
    return list(await session.execute(claim))


def _batch_of(model: type[DeclarativeBase]) -> ColumnElement[int | None]:
    return inspect(model).columns["batch"]
