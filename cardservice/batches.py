"""Batches of cards for a bureau: made from orders that wait, released by a second person, closed.

What leaves the house is in `batch_files`, what comes back in `batch_results`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import bureaus, products
from cardservice.bureau_models import BatchRow, BatchState, Bureau, ProductionBatch, RowState
from cardservice.errors import BatchNotReady, NoSuchBatch, NothingToMake
from cardservice.models import Card, CardOrder, CardState, OrderState
from cardservice.photo_models import Photo, PhotoStage
from identity import audit
from identity.actors import Actor
from identity.models import Account, AccountState

MOST_ROWS: Final = 500
"""Of one batch: a file that a browser takes in one piece, and a loss that can be made good."""
UNDER_WAY: Final = frozenset({RowState.WAITING, RowState.SENT})


class Waiting(msgspec.Struct, frozen=True):
    """Orders of a product that a bureau is to make.

    Attributes:
        ready: how many may be sent.
        protected: how many may not, because nobody outside may know where the holder lives: they
            are made at a desk.
        without_photo: how many may not, because the face needs a photograph and there is none.
    """

    product: str
    ready: int
    protected: int
    without_photo: int


async def waiting(session: AsyncSession) -> Sequence[Waiting]:
    """What waits, by product."""
    kinds = (Card.product, Account.address_protected, _lacks_photo().label("lacks_photo"))
    query = select(*kinds, func.count(Card.id)).select_from(Card).join(Account).join(CardOrder)
    found: dict[str, dict[tuple[bool, bool], int]] = {}
    for product, *why, count in await session.execute(query.where(*_waits()).group_by(*kinds)):
        found.setdefault(product, {})[bool(why[0]), bool(why[1])] = count
    return [
        Waiting(
            product,
            ready=each.get((False, False), 0),
            protected=each.get((True, False), 0) + each.get((True, True), 0),
            without_photo=each.get((False, True), 0),
        )
        for product, each in sorted(found.items())
    ]


async def make(
    session: AsyncSession, bureau_id: UUID, product: str, *, actor: Actor, now: datetime
) -> ProductionBatch:
    """Make a batch of the oldest orders of a product that wait, at most `MOST_ROWS`.

    Raises:
        NoSuchBureau: no such bureau is in use.
        NothingToMake: no order waits, or another batch took them a moment ago.
    """
    bureau = await bureaus.of_id(session, bureau_id)
    query = (
        select(Card.id)
        .join(Account)
        .join(CardOrder)
        .where(*_waits(), ~_lacks_photo())
        .where(Card.product == product, Account.address_protected.is_(False))
        .order_by(CardOrder.ordered_at, Card.id)
        .limit(MOST_ROWS)
    )
    cards = (await session.scalars(query)).all()
    if not cards:
        raise NothingToMake("No order of this card waits that a bureau may be sent.")
    batch = ProductionBatch(
        bureau_id=bureau.id,
        product=product,
        made_at=now,
        made_by_id=actor.id,
        made_by_label=actor.label,
    )
    rows = [
        BatchRow(batch_id=batch.id, number=number, card_id=card)
        for number, card in enumerate(cards, start=1)
    ]
    try:
        async with session.begin_nested():
            session.add(batch)
            await session.flush()
            session.add_all(rows)
    except IntegrityError as error:
        raise NothingToMake("Another batch took these orders a moment ago. Look again.") from error
    detail: audit.Detail = {"product": product, "bureau": bureau.name, "cards": len(rows)}
    note(session, "batch-made", batch, actor=actor, now=now, detail=detail)
    return batch


async def release(session: AsyncSession, batch_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Let a batch leave the house: another person than who made it.

    Raises:
        NoSuchBatch: there is none with that id.
        BatchNotReady: it does not wait for that, or the same person made it.
    """
    batch = await locked(session, batch_id)
    if batch.state is not BatchState.MADE:
        raise BatchNotReady("This batch does not wait to be released.")
    if batch.made_by_id == actor.id:
        raise BatchNotReady("You made this batch yourself. Another person must release it.")
    batch.state, batch.released_at = BatchState.RELEASED, now
    batch.released_by_id, batch.released_by_label = actor.id, actor.label
    note(session, "batch-released", batch, actor=actor, now=now)


async def cancel(session: AsyncSession, batch_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Give up a batch that has not left the house; its orders wait again.

    Raises:
        NoSuchBatch: there is none with that id.
        BatchNotReady: it was sent already, or is closed.
    """
    batch = await locked(session, batch_id)
    if batch.state not in {BatchState.MADE, BatchState.RELEASED}:
        raise BatchNotReady("This batch has left the house, or is closed.")
    batch.state, batch.closed_at = BatchState.CANCELLED, now
    rows = update(BatchRow).where(BatchRow.batch_id == batch_id)
    await session.execute(rows.values(state=RowState.WITHDRAWN))
    note(session, "batch-cancelled", batch, actor=actor, now=now)


async def locked(session: AsyncSession, batch_id: UUID) -> ProductionBatch:
    """A batch, locked until the transaction ends.

    Raises:
        NoSuchBatch: there is none with that id.
    """
    query = select(ProductionBatch).where(ProductionBatch.id == batch_id).with_for_update()
    found = await session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NoSuchBatch("There is no such batch.")
    return found


async def newest(session: AsyncSession, *, most: int = 50) -> Sequence[ProductionBatch]:
    """The newest batches, newest first."""
    query = select(ProductionBatch).order_by(ProductionBatch.made_at.desc(), ProductionBatch.id)
    return (await session.scalars(query.limit(most))).all()


async def rows_of(session: AsyncSession, batch_id: UUID) -> Sequence[BatchRow]:
    """The rows of a batch, by number."""
    query = select(BatchRow).where(BatchRow.batch_id == batch_id).order_by(BatchRow.number)
    return (await session.scalars(query)).all()


async def next_to_write(session: AsyncSession, terminal_id: UUID) -> CardOrder | None:
    """The order whose chip a bureau's encoder writes next: row by row, the oldest batch first.

    Its order is locked; None where the terminal is no encoder, or nothing waits there.
    """
    query = (
        select(CardOrder)
        .join(Card, Card.id == CardOrder.card_id)
        .join(BatchRow, BatchRow.card_id == Card.id)
        .join(ProductionBatch, ProductionBatch.id == BatchRow.batch_id)
        .join(Bureau, Bureau.id == ProductionBatch.bureau_id)
        .where(
            Bureau.encoder_id == terminal_id,
            ProductionBatch.state == BatchState.SENT,
            BatchRow.state == RowState.SENT,
            Card.state == CardState.ORDERED,
            CardOrder.state == OrderState.WAITING,
        )
        .order_by(ProductionBatch.sent_at, ProductionBatch.id, BatchRow.number)
        .limit(1)
    )
    return await session.scalar(query.with_for_update(of=CardOrder))


async def follow(session: AsyncSession, first: UUID, card: UUID) -> None:
    """A row goes on with another card: another blank was taken for it."""
    rows = update(BatchRow).where(BatchRow.card_id == first, BatchRow.state.in_(UNDER_WAY))
    await session.execute(rows.values(card_id=card))


async def is_in_batch(session: AsyncSession, card_id: UUID) -> bool:
    """Whether a bureau makes the card."""
    query = select(BatchRow.number).where(
        BatchRow.card_id == card_id, BatchRow.state.in_(UNDER_WAY)
    )
    return await session.scalar(query) is not None


def note(
    session: AsyncSession,
    action: str,
    batch: ProductionBatch,
    *,
    actor: Actor,
    now: datetime,
    detail: audit.Detail | None = None,
) -> None:
    """Write into the trail what was done with a batch."""
    subject = audit.subject_of("batch", batch.id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)


def _waits() -> Sequence[ColumnElement[bool]]:
    """Of a card, its order and its holder: it waits for a bureau, and no batch has it."""
    taken = select(BatchRow.number).where(
        BatchRow.card_id == Card.id, BatchRow.state.in_(UNDER_WAY)
    )
    return (
        CardOrder.state == OrderState.WAITING,
        CardOrder.terminal_id.is_(None),
        Card.state == CardState.ORDERED,
        Account.state == AccountState.ACTIVE,
        ~taken.exists(),
    )


def _lacks_photo() -> ColumnElement[bool]:
    """Whether the face of a card needs a photograph of its holder, and there is none."""
    needs = {each.id for each in products.built_in().products if each.renewal.photo_years}
    there = select(Photo.id).where(
        Photo.account_id == Card.account_id, Photo.stage == PhotoStage.CARD
    )
    return Card.product.in_(needs) & ~there.exists()
