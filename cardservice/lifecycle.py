"""The life of a card: one table of what may follow what, and what it does to the card's records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.errors import MoveNotAllowed, NoSuchCard
from cardservice.models import Card, CardState
from entitlements import grants, status
from identity import audit
from identity.actors import Actor
from identity.models import Account, AccountState
from readers.contract.statuslist import Status

MOVES: Final[Mapping[tuple[CardState, CardState], Status | None]] = {
    (CardState.ORDERED, CardState.ACTIVE): None,
    (CardState.ORDERED, CardState.FAILED): Status.INVALID,
    (CardState.ACTIVE, CardState.LOST): Status.SUSPENDED,
    (CardState.LOST, CardState.ACTIVE): Status.VALID,
    (CardState.ACTIVE, CardState.REPLACED): Status.INVALID,
    (CardState.LOST, CardState.REPLACED): Status.INVALID,
}
"""Allowed moves -> the status every record of the card gets by it; None leaves it as it is."""

LIVE: Final = frozenset({CardState.ORDERED, CardState.ACTIVE, CardState.LOST})
"""States of which a holder has at most one card; the database enforces it too."""


def is_stopped(state: CardState, holder: AccountState) -> bool:
    """Whether readers refuse a card that is in use, because its holder is recorded as deceased.

    The card keeps its state, so that a false report can be undone; whoever tells of a card asks
    here first.
    """
    return state is CardState.ACTIVE and holder is AccountState.CLOSED


async def locked(session: AsyncSession, card_id: UUID) -> Card:
    """A card, locked until the transaction ends.

    Raises:
        NoSuchCard: no card with that id.
    """
    query = select(Card).where(Card.id == card_id).with_for_update()
    card = await session.scalar(query.execution_options(populate_existing=True))
    if card is None:
        raise NoSuchCard("There is no such card.")
    return card


async def live_card(session: AsyncSession, account_id: UUID) -> Card | None:
    """The holder's one live card, locked; None if they have none."""
    query = select(Card).where(Card.account_id == account_id, Card.state.in_(LIVE))
    return await session.scalar(query.with_for_update().execution_options(populate_existing=True))


async def check_holder(session: AsyncSession, account_id: UUID) -> None:
    """Only who is not recorded as deceased gets a card, or gets one back.

    Raises:
        MoveNotAllowed: the account is closed or erased.
    """
    wanted = select(Account.state).where(Account.id == account_id).with_for_update(read=True)
    state = await session.scalar(wanted)
    if state is AccountState.CLOSED:
        raise MoveNotAllowed("This resident is recorded as deceased.")
    if state is AccountState.ERASED:
        raise MoveNotAllowed("This resident's record was erased.")


async def move(
    session: AsyncSession, card: Card, to: CardState, *, actor: Actor, now: datetime
) -> None:
    """Move a locked card on, and its records with it.

    Raises:
        MoveNotAllowed: the table has no such move.
    """
    before = card.state
    if (before, to) not in MOVES:
        raise MoveNotAllowed(f"A card that is {before} cannot become {to}.")
    if to is CardState.ACTIVE:
        await check_holder(session, card.account_id)
    card.state, card.state_since = to, now
    await session.flush()
    if (effect := MOVES[before, to]) is not None:
        await grants.lock_holder(session, card.account_id)  # takes turns with an assessment
        await status.set_carrier_status(session, card.id, effect, actor=actor, now=now)
    subject, detail = audit.subject_of("card", card.id), {"from": before.value, "to": to.value}
    audit.record(session, "card-moved", subject, actor=actor, now=now, detail=detail)
