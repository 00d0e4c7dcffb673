"""What a bureau says it made: taken whole, or refused whole with the line that is to blame."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import batches, bureau_files, bureau_results, issuance, lifecycle
from cardservice.bureau_files import NotOpened
from cardservice.bureau_models import BatchRow, BatchState, Bureau, ProductionBatch, RowState
from cardservice.bureau_results import BadLine, Fault, Made, Result, Results
from cardservice.card_sessions import uid_indexes
from cardservice.models import Card, CardState
from cardservice.renewal_models import Renewal
from identity.actors import Actor
from identity.models import Account, AccountState
from identity.personal import Vault

LARGEST_FILE: Final = 256 * 1024


class Taken(msgspec.Struct, frozen=True):
    """What a file of results did.

    Attributes:
        dispatched: cards on their way to their holders.
        ordered_again: cards that failed and wait for another batch.
        to_look_at: cards that failed for what is in their data, and were ordered no more.
        to_destroy: cards that were made although their order was cancelled meanwhile.
    """

    dispatched: int
    ordered_again: int
    to_look_at: int
    to_destroy: int


class _Row(msgspec.Struct, frozen=True):
    """A row that was sent, its card and whether its card may still be given out."""

    row: BatchRow
    card: Card
    wanted: bool


async def take(
    session: AsyncSession,
    vault: Vault,
    batch_id: UUID,
    data: bytes,
    *,
    actor: Actor,
    now: datetime,
) -> Taken | BadLine:
    """Take a file of results; or say on which line it is wrong, with nothing changed.

    The refusal itself is in the trail.

    Raises:
        NoSuchBatch: there is no such batch.
    """
    batch = await batches.locked(session, batch_id)
    rows = await _sent(session, batch)
    found = await _read(session, vault, batch, rows, data)
    if isinstance(found, BadLine):
        detail = {"line": found.line}
        batches.note(session, "batch-results-refused", batch, actor=actor, now=now, detail=detail)
        return found
    counted: Counter[str] = Counter()
    for number, result in sorted(found.rows.items()):
        counted[await _act(session, rows[number], result, actor=actor, now=now)] += 1
    for each in rows.values():  # cancelled meanwhile, and never made
        if each.row.state is RowState.SENT:
            each.row.state = RowState.WITHDRAWN
    batch.state, batch.closed_at = BatchState.ANSWERED, now
    taken = Taken(**{field: counted[field] for field in Taken.__struct_fields__})
    told = msgspec.to_builtins(taken)
    batches.note(session, "batch-results-taken", batch, actor=actor, now=now, detail=told)
    await session.flush()
    return taken


async def _read(
    session: AsyncSession,
    vault: Vault,
    batch: ProductionBatch,
    rows: Mapping[int, _Row],
    data: bytes,
) -> Results | BadLine:
    """Everything about a file that can be wrong, before anything is done."""
    if batch.state is BatchState.ANSWERED:
        return BadLine(0, "The results of this batch were taken before.")
    if batch.state is not BatchState.SENT:
        return BadLine(0, "This batch was never sent, so it has no results.")
    bureau = await session.get_one(Bureau, batch.bureau_id)
    lines = bureau_files.open_results(data, bureau.signing_key, most=LARGEST_FILE)
    if isinstance(lines, NotOpened):
        return BadLine(0, lines.sentence)
    found = bureau_results.read(lines)
    return found if isinstance(found, BadLine) else _checked(vault, batch, rows, found)


def _checked(
    vault: Vault, batch: ProductionBatch, rows: Mapping[int, _Row], found: Results
) -> Results | BadLine:
    """Whether results that were read are of this batch, row by row."""
    if found.batch != batch.id:
        return BadLine(1, "These are the results of another batch.")
    for number, result in found.rows.items():
        fault = _fault(vault, rows.get(number), result)
        if fault:
            return BadLine(found.lines[number], f"Row {number}: {fault}")
    wanted = [number for number, each in rows.items() if each.wanted]
    return bureau_results.missing(found, wanted) or found


def _fault(vault: Vault, sent: _Row | None, result: Result) -> str:
    """What is wrong with one row; empty when nothing is."""
    if sent is None:
        return "the batch has no such row."
    if result.outcome is Made.FAILED or not sent.wanted:
        return ""
    if sent.card.state is not CardState.PERSONALISED:
        return "its chip was never written through an encoder, so it cannot have been posted."
    if sent.card.uid_index not in uid_indexes(vault, bytes.fromhex(result.chip or "")):
        return "another chip was written for it. Two cards may have been mixed up."
    return ""


async def _act(
    session: AsyncSession, sent: _Row, result: Result, *, actor: Actor, now: datetime
) -> str:
    """Do what a row says; which count of `Taken` it belongs to."""
    row, card = sent.row, await lifecycle.locked(session, sent.card.id)
    if result.outcome is Made.DISPATCHED:
        row.state = RowState.DISPATCHED
        if not sent.wanted:
            return "to_destroy"
        await lifecycle.move(session, card, CardState.DISPATCHED, actor=actor, now=now)
        return "dispatched"
    row.state, row.fault = RowState.FAILED, result.fault.value if result.fault else None
    if not sent.wanted:
        return "to_destroy"
    if result.fault is Fault.DATA:
        await issuance.cancel_card(session, card, actor=actor, now=now)
        return "to_look_at"
    again = await issuance.order_again(session, card, actor=actor, now=now)
    await _renewed_by(session, card, again)
    return "ordered_again"


async def _renewed_by(session: AsyncSession, first: Card, again: Card) -> None:
    """A renewal is made good by the card that took the place of the one that failed."""
    rows = update(Renewal).where(Renewal.new_card_id == first.id)
    await session.execute(rows.values(new_card_id=again.id))


async def _sent(session: AsyncSession, batch: ProductionBatch) -> Mapping[int, _Row]:
    """The rows that left the house."""
    query = (
        select(BatchRow, Card, Account.state)
        .join(Card, Card.id == BatchRow.card_id)
        .join(Account, Account.id == Card.account_id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state == RowState.SENT)
    )
    making = {CardState.ORDERED, CardState.PERSONALISED}
    return {
        row.number: _Row(row, card, card.state in making and state is AccountState.ACTIVE)
        for row, card, state in (await session.execute(query)).all()
    }
