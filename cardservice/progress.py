"""How far the card on a paired reader is: noted as it goes, for the clerk whom the reader serves.

Each step is stored in a short transaction of its own, so that any process of the server can show
it. It is noted when a stage is reached, not for each command: half a dozen writes for a card.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import pairing
from cardservice.card_sessions import Exchange, Outcome
from cardservice.database import Database
from cardservice.models import CardOrder, OrderState
from cardservice.progress_models import Progress, Stage
from readers.card.codes import Ins
from readers.clock import Clock
from readers.contract.wire import UpdateKind

KEPT: Final = timedelta(days=1)
ORDER: Final[Sequence[Stage]] = tuple(Stage)
_INS: Final = 1
_STAGES: Final[Mapping[int, Stage]] = {
    Ins.GET_KEY_VERSION: Stage.CHECKING,
    Ins.CREATE_APPLICATION: Stage.APPLICATION,
    Ins.CHANGE_KEY: Stage.KEYS,
    Ins.CREATE_BACKUP_FILE: Stage.FILES,
    Ins.WRITE_DATA: Stage.WRITING,
    Ins.WRITE_DATA_ISO: Stage.WRITING,
    Ins.COMMIT_TRANSACTION: Stage.CLOSING,
}
"""Instruction -> the stage that begins with it, at the latest."""


def stage_of(command: bytes) -> Stage | None:
    """The stage that a command APDU begins; None of one that belongs to any."""
    return _STAGES.get(command[_INS]) if len(command) > _INS else None


async def begin(session: AsyncSession, terminal_id: UUID, *, now: datetime) -> UUID | None:
    """A card was laid on a reader. None: the reader serves nobody, so nobody is told."""
    serves = await pairing.of_terminal(session, terminal_id, now=now)
    if serves is None:
        return None
    waiting = select(CardOrder.id).where(
        CardOrder.pairing_id == serves, CardOrder.state == OrderState.WAITING
    )
    row = Progress(
        pairing_id=serves, order_id=await session.scalar(waiting), began_at=now, stage_at=now
    )
    session.add(row)
    await session.flush()
    return row.id


async def finish(session: AsyncSession, row_id: UUID, outcome: Outcome, *, now: datetime) -> None:
    """Note how it ended."""
    ending = update(Progress).where(Progress.id == row_id, Progress.ended_at.is_(None))
    await session.execute(ending.values(ended_at=now, result=outcome.result, code=outcome.code))


async def newest(
    session: AsyncSession, pairing_id: UUID, order_id: UUID, *, since: datetime
) -> Progress | None:
    """What the reader did last for an order, or with no order, since a moment."""
    query = select(Progress).where(
        Progress.pairing_id == pairing_id,
        Progress.order_id.is_(None) | (Progress.order_id == order_id),
        Progress.began_at >= since,
    )
    latest = query.order_by(Progress.began_at.desc(), Progress.id.desc()).limit(1)
    return await session.scalar(latest.execution_options(populate_existing=True))


def watched(exchange: Exchange, database: Database, row_id: UUID, clock: Clock) -> Exchange:
    """The same exchange, with each stage stored before its first command goes to the card."""
    reached = Stage.CARD_LAID

    async def watching(command: bytes, doing: Sequence[UpdateKind]) -> bytes:
        nonlocal reached
        stage = stage_of(command)
        if stage is not None and ORDER.index(stage) > ORDER.index(reached):
            reached = stage
            async with database.transaction() as session:
                noting = update(Progress).where(Progress.id == row_id)
                await session.execute(noting.values(stage=stage, stage_at=clock()))
        return await exchange(command, doing)

    return watching
