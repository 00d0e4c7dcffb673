"""Is the audit trail whole? Names the first row that is not as it was written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import RowMapping, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, audit_batches
from identity.audit_batches import Stream, digest_of_rows, rows_of
from identity.chain import ACTS, Link, first_link, heads
from identity.checkpoints import Checkpoint, from_line, is_genuine
from identity.errors import BadCheckpoint
from identity.keys import KeyStore
from identity.trail_models import AuditBatch, AuditCheckpoint, AuditRow, ChainHead

CHECKPOINTS: Final = "checkpoints"
_PAGE: Final = 2000


class Fault(StrEnum):
    """What is wrong with a row, a batch or a checkpoint."""

    CHANGED = "changed"
    MISSING_BEFORE = "missing-before"
    CUT_OFF = "cut-off"
    NOT_IN_CHAIN = "not-in-chain"
    CONTENT_CHANGED = "content-changed"
    CONTRADICTS_CHECKPOINT = "contradicts-checkpoint"
    NOT_GENUINE = "not-genuine"


_WORDS: Final[Mapping[Fault, str]] = {
    Fault.CHANGED: "is not as it was written, or the row before it is another",
    Fault.MISSING_BEFORE: "does not follow the row before it: rows between them are missing",
    Fault.CUT_OFF: "and everything after it is missing",
    Fault.NOT_IN_CHAIN: "was added without the chain",
    Fault.CONTENT_CHANGED: "holds other rows than were sealed",
    Fault.CONTRADICTS_CHECKPOINT: "is not the row that a checkpoint was signed for",
    Fault.NOT_GENUINE: "was not signed by this key store",
}


class Intact(msgspec.Struct, frozen=True, tag="intact"):
    """Every row is as it was written.

    Attributes:
        ends: chain -> number of its last row, as far as was checked.
        checkpoints: how many given checkpoints agree. With none, rows cut off the end by somebody
            who owns the database cannot be seen.
        unopened: streams whose batches were checked but not the rows in them.
        forgotten: stream -> number of batches whose rows were removed when their time was over.
    """

    ends: Mapping[str, int]
    checkpoints: int
    unopened: tuple[str, ...]
    forgotten: Mapping[str, int] = {}


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The first thing that is wrong.

    Attributes:
        chain: `acts`, a stream's name, or `checkpoints`.
        number: of the row, batch or checkpoint (from 1).
        fault: what is wrong.
        words: the same in a sentence.
    """

    chain: str
    number: int
    fault: Fault
    words: str


_Marks: TypeAlias = Mapping[int, set[str]]
"""Number of a row -> the hashes that checkpoints say it has, in hexadecimal."""


class _Found(Exception):
    """Ends a check at the first thing that is wrong; it never leaves this module."""

    def __init__(self, chain: str, number: int, fault: Fault) -> None:
        what = {ACTS: "Audit row", CHECKPOINTS: "Checkpoint"}.get(chain, f"Batch of {chain}")
        self.broken = Broken(chain, number, fault, f"{what} {number} {_WORDS[fault]}.")


async def verify(
    session: AsyncSession,
    keystore: KeyStore,
    *,
    streams: Iterable[Stream] = (),
    checkpoints: Sequence[Checkpoint] = (),
) -> Intact | Broken:
    """Check every chain from its first row to its end, and against every checkpoint.

    Others may go on writing meanwhile: what is checked is what was there at the start.

    Args:
        session: only read from.
        keystore: whose `audit.sign` keys signed the checkpoints.
        streams: tables whose rows are sealed in batches; their rows are checked too.
        checkpoints: those kept off the machine. Those in the database are always checked.
    """
    opened = {stream.name: stream for stream in streams}
    try:
        marks = _marks(await _with_stored(session, checkpoints), keystore)
        names = await _chains(session, marks)
        gone = {name: await audit_batches.forgotten(session, opened[name]) for name in opened}
        ends = {}
        for name in names:
            known = _Opened(opened[name], gone[name]) if name in opened else None
            ends[name] = await _check(session, name, known, marks.get(name, {}))
    except _Found as found:
        return found.broken
    unopened = tuple(name for name in names if name != ACTS and name not in opened)
    forgotten = {name: len(batches) for name, batches in gone.items() if batches}
    return Intact(ends, len(checkpoints), unopened, forgotten)


class _Opened(NamedTuple):
    """A stream whose rows are checked too, and its batches whose rows are gone on purpose."""

    stream: Stream
    forgotten: frozenset[int]


async def _chains(session: AsyncSession, marks: Iterable[str]) -> list[str]:
    connection = await session.connection()
    batched = await session.scalars(select(AuditBatch.stream).distinct())
    known = {*await connection.run_sync(heads), *batched, *marks} - {ACTS}
    return [ACTS, *sorted(known)]


async def _check(session: AsyncSession, chain: str, known: _Opened | None, marks: _Marks) -> int:
    rows = _Rows(chain)
    end, highest = await rows.end(session)
    link, unmet = first_link(chain), {number: marks[number] for number in marks if number}
    while page := await rows.page(session, link.number, end.number):
        for row in page:
            link = _next(rows, link, row)
            if unmet.pop(link.number, set()) - {link.hash.hex()}:
                raise _Found(chain, link.number, Fault.CONTRADICTS_CHECKPOINT)
            if known is not None:
                await _open(session, known, row)
    if fault := _fault_at_end(link, end, unmet):
        raise _Found(chain, *fault)
    if highest > end.number:
        raise _Found(chain, end.number + 1, Fault.NOT_IN_CHAIN)
    return link.number


def _fault_at_end(last: Link, end: Link, unmet: Collection[int]) -> tuple[int, Fault] | None:
    """What is wrong with where a chain ends, if anything."""
    within = [number for number in unmet if number <= last.number]
    if within:
        return min(within), Fault.CONTRADICTS_CHECKPOINT
    if last.number < end.number or unmet:
        return last.number + 1, Fault.CUT_OFF
    return None if last.hash == end.hash else (last.number, Fault.CHANGED)


class _Rows:
    """The rows of one chain: the audit rows, or the batches of a stream."""

    def __init__(self, chain: str) -> None:
        acts = chain == ACTS
        model = AuditRow if acts else AuditBatch
        self.chain = chain
        self.covered = audit.COVERED if acts else audit_batches.COVERED
        self._number = AuditRow.id if acts else AuditBatch.number
        columns = [getattr(model, name) for name in self.covered]
        self._own = true() if acts else AuditBatch.stream == chain
        self._select = select(self._number.label("number"), model.hash, *columns).where(self._own)

    async def page(self, session: AsyncSession, after: int, last: int) -> Sequence[RowMapping]:
        """The next rows, in their order."""
        page = self._select.where(self._number > after, self._number <= last)
        return (await session.execute(page.order_by(self._number).limit(_PAGE))).mappings().all()

    async def end(self, session: AsyncSession) -> tuple[Link, int]:
        """Where the chain says that it ends, and its highest row, both at one moment."""
        head = select(ChainHead.number, ChainHead.hash).where(ChainHead.chain == self.chain)
        parts = head.subquery()
        both = select(
            select(func.max(self._number)).where(self._own).scalar_subquery().label("highest"),
            select(parts.c.number).scalar_subquery().label("number"),
            select(parts.c.hash).scalar_subquery().label("hash"),
        )
        found = (await session.execute(both)).one()
        link = Link(found.number, found.hash) if found.hash else first_link(self.chain)
        return link, found.highest or 0


def _next(rows: _Rows, link: Link, row: RowMapping) -> Link:
    following = link.then(row["number"], {name: row[name] for name in rows.covered})
    if following.hash == row["hash"]:
        return following
    gap = row["number"] > link.number + 1
    raise _Found(rows.chain, row["number"], Fault.MISSING_BEFORE if gap else Fault.CHANGED)


async def _open(session: AsyncSession, known: _Opened, batch: RowMapping) -> None:
    stream, number = known.stream, batch["number"]
    rows = await rows_of(session, stream, number)
    if not rows and number in known.forgotten:
        return
    if digest_of_rows(stream, rows) != batch["digest"]:
        raise _Found(stream.name, number, Fault.CONTENT_CHANGED)


async def _with_stored(
    session: AsyncSession, given: Sequence[Checkpoint]
) -> list[tuple[int, Checkpoint]]:
    """The given ones and those in the database, each with its place among its like."""
    lines = await session.scalars(
        select(AuditCheckpoint.signed).order_by(AuditCheckpoint.at, AuditCheckpoint.id)
    )
    stored = []
    for number, line in enumerate(lines, start=1):
        try:
            stored.append((number, from_line(line)))
        except BadCheckpoint as error:
            raise _Found(CHECKPOINTS, number, Fault.NOT_GENUINE) from error
    return [*enumerate(given, start=1), *stored]


def _marks(
    checkpoints: Iterable[tuple[int, Checkpoint]], keystore: KeyStore
) -> Mapping[str, _Marks]:
    marks: dict[str, dict[int, set[str]]] = {}
    for place, checkpoint in checkpoints:
        if not is_genuine(checkpoint, keystore):
            raise _Found(CHECKPOINTS, place, Fault.NOT_GENUINE)
        for end in checkpoint.ends:
            marks.setdefault(end.chain, {}).setdefault(end.number, set()).add(end.hash)
    return marks
