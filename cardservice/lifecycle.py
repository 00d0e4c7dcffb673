"""The life of a card: one table of what may follow what, who may do it, and what it does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.charge_causes import Cause
from cardservice.errors import CardInHand, MoveNotAllowed, NoSuchCard, NotTheirMove
from cardservice.models import COMING, LIVE, Card, CardState
from cardservice.products import KENT_CARD
from entitlements import grants, status
from identity import audit
from identity.actors import Actor, ActorKind
from identity.dates import london_date
from identity.models import Account, AccountState
from identity.roles import Act
from readers.contract.statuslist import Status


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One allowed move.

    Attributes:
        act: that lets a member of staff do it; None for nobody of them.
        holder: whether the card's holder may.
        terminal: whether a terminal may, by a card session.
        charge: the cause for which the card that takes its place is charged for.
        ends_other: whether the card of that product that the holder had until now is replaced.
    """

    act: Act | None = None
    holder: bool = False
    terminal: bool = False
    charge: Cause | None = None
    ends_other: bool = False


STATUS: Final[Mapping[CardState, Status]] = {
    CardState.ORDERED: Status.VALID,  # it carries nothing yet
    CardState.PERSONALISED: Status.SUSPENDED,
    CardState.DISPATCHED: Status.SUSPENDED,
    CardState.ACTIVE: Status.VALID,
    CardState.SUSPENDED: Status.SUSPENDED,
    CardState.LOST: Status.SUSPENDED,
    CardState.STOLEN: Status.SUSPENDED,
    CardState.DAMAGED: Status.SUSPENDED,
    CardState.FAULTY: Status.SUSPENDED,
    CardState.RETURNED: Status.SUSPENDED,
    CardState.EXPIRED: Status.INVALID,
    CardState.REPLACED: Status.INVALID,
    CardState.DESTROYED: Status.INVALID,
}
"""State -> the status that every record of the card has in it. What is invalid stays so for ever,
so nothing leads from a state that is invalid to one that is not."""

_S: Final = CardState
_MADE: Final = Move(act=Act.MAKE_CARD, terminal=True)
_MADE_HERE: Final = Move(act=Act.MAKE_CARD, terminal=True, ends_other=True)
_BY_OFFICER: Final = Move(act=Act.MAKE_CARD)
_BY_ADVISER: Final = Move(act=Act.REPORT_CARD)
_BY_HOLDER: Final = Move(act=Act.REPORT_CARD, holder=True)
_BY_NIGHT: Final = Move()


def _replaced(cause: Cause | None = None) -> Move:
    return Move(act=Act.MAKE_CARD, holder=True, terminal=True, charge=cause)


MOVES: Final[Mapping[tuple[CardState, CardState], Move]] = {
    (_S.ORDERED, _S.PERSONALISED): _MADE,
    (_S.ORDERED, _S.ACTIVE): _MADE_HERE,
    (_S.ORDERED, _S.DESTROYED): Move(act=Act.MAKE_CARD, holder=True, terminal=True),
    (_S.PERSONALISED, _S.DISPATCHED): _BY_OFFICER,
    (_S.PERSONALISED, _S.ACTIVE): Move(act=Act.MAKE_CARD, ends_other=True),
    (_S.PERSONALISED, _S.DESTROYED): _BY_OFFICER,
    (_S.DISPATCHED, _S.ACTIVE): Move(act=Act.MAKE_CARD, holder=True, ends_other=True),
    (_S.DISPATCHED, _S.RETURNED): _BY_ADVISER,
    (_S.DISPATCHED, _S.DESTROYED): _BY_HOLDER,  # it never arrived; one that does is refused
    (_S.ACTIVE, _S.SUSPENDED): _BY_OFFICER,
    (_S.ACTIVE, _S.LOST): _BY_HOLDER,
    (_S.ACTIVE, _S.STOLEN): _BY_HOLDER,
    (_S.ACTIVE, _S.DAMAGED): _BY_HOLDER,
    (_S.ACTIVE, _S.FAULTY): _BY_ADVISER,
    (_S.ACTIVE, _S.RETURNED): _BY_ADVISER,
    (_S.ACTIVE, _S.EXPIRED): _BY_NIGHT,
    (_S.ACTIVE, _S.REPLACED): _replaced(),
    (_S.ACTIVE, _S.DESTROYED): _BY_OFFICER,
    (_S.SUSPENDED, _S.ACTIVE): _BY_OFFICER,
    (_S.SUSPENDED, _S.EXPIRED): _BY_NIGHT,
    (_S.SUSPENDED, _S.REPLACED): _BY_OFFICER,
    (_S.SUSPENDED, _S.DESTROYED): _BY_OFFICER,
    (_S.LOST, _S.ACTIVE): _BY_HOLDER,
    (_S.LOST, _S.STOLEN): _BY_HOLDER,
    (_S.LOST, _S.RETURNED): _BY_ADVISER,
    (_S.LOST, _S.EXPIRED): _BY_NIGHT,
    (_S.LOST, _S.REPLACED): _replaced(Cause.LOST),
    (_S.STOLEN, _S.ACTIVE): _BY_ADVISER,
    (_S.STOLEN, _S.RETURNED): _BY_ADVISER,
    (_S.STOLEN, _S.EXPIRED): _BY_NIGHT,
    (_S.STOLEN, _S.REPLACED): _replaced(Cause.STOLEN),
    (_S.DAMAGED, _S.ACTIVE): _BY_ADVISER,
    (_S.DAMAGED, _S.FAULTY): _BY_ADVISER,
    (_S.DAMAGED, _S.EXPIRED): _BY_NIGHT,
    (_S.DAMAGED, _S.REPLACED): _replaced(Cause.DAMAGED),
    (_S.DAMAGED, _S.DESTROYED): _BY_OFFICER,
    (_S.FAULTY, _S.ACTIVE): _BY_ADVISER,
    (_S.FAULTY, _S.DAMAGED): _BY_ADVISER,
    (_S.FAULTY, _S.EXPIRED): _BY_NIGHT,
    (_S.FAULTY, _S.REPLACED): _replaced(Cause.FAULTY),
    (_S.FAULTY, _S.DESTROYED): _BY_OFFICER,
    (_S.RETURNED, _S.ACTIVE): _BY_ADVISER,
    (_S.RETURNED, _S.DISPATCHED): _BY_OFFICER,
    (_S.RETURNED, _S.EXPIRED): _BY_NIGHT,
    (_S.RETURNED, _S.DESTROYED): _BY_OFFICER,
    (_S.EXPIRED, _S.DESTROYED): _BY_OFFICER,
}
"""Everything that can happen to a card. The service itself may make every move of these: at night,
when it erases a record, and by `kentcard`, which asks for the same act."""

FINAL: Final = frozenset({CardState.REPLACED, CardState.DESTROYED})
"""States that nothing follows."""


def is_stopped(state: CardState, holder: AccountState) -> bool:
    """Whether readers refuse a card that is in use, because its holder is recorded as deceased.

    The card keeps its state, so that a false report can be undone; whoever tells of a card asks
    here first.
    """
    return state is CardState.ACTIVE and holder is AccountState.CLOSED


def holder_can(state: CardState) -> frozenset[CardState]:
    """What a holder can say became of a card in that state."""
    return frozenset(to for (before, to), move in MOVES.items() if before is state and move.holder)


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


async def live_card(
    session: AsyncSession, account_id: UUID, product: str = KENT_CARD
) -> Card | None:
    """The one card of a product that a holder has, locked; None if they have none."""
    return await _one(session, account_id, product, LIVE)


async def coming_card(
    session: AsyncSession, account_id: UUID, product: str = KENT_CARD
) -> Card | None:
    """The one card of a product that is on its way to a holder, locked; None if none is."""
    return await _one(session, account_id, product, COMING)


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


def may(move: Move, card: Card, actor: Actor) -> bool:
    """Whether an actor of that kind may move that card so; a role is asked by whoever let it in."""
    match actor.kind:
        case ActorKind.RESIDENT:
            return move.holder and actor.id == str(card.account_id)
        case ActorKind.STAFF:
            return move.act is not None
        case ActorKind.TERMINAL:
            return move.terminal
        case ActorKind.PARTNER:
            return False
        case ActorKind.SYSTEM:
            return True
        case never:
            assert_never(never)


async def move(
    session: AsyncSession,
    card: Card,
    to: CardState,
    *,
    why: str | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Move a locked card on, and its records with it.

    Args:
        session: the transaction.
        card: locked.
        to: what it becomes.
        why: code of the reason, for the trail.
        actor: who moves it.
        now: when.

    Raises:
        CardInHand: the holder has another card of the product, or one is on its way.
        MoveNotAllowed: the table has no such move, the holder is dead or the card's day is over.
        NotTheirMove: the table has it, and not for them.
    """
    before = card.state
    allowed = check(card, to, actor)
    if to is CardState.ACTIVE:
        await _check_can_work(session, card, now)
    if allowed.ends_other:
        other = await live_card(session, card.account_id, card.product)
        if other is not None:
            await move(session, other, CardState.REPLACED, actor=actor, now=now)
    await _stored(session, card, to, now)
    await _tell_readers(session, card, before, to, actor=actor, now=now)
    subject, detail = audit.subject_of("card", card.id), _detail(before, to, why)
    audit.record(session, "card-moved", subject, actor=actor, now=now, detail=detail)


def _detail(before: CardState, to: CardState, why: str | None) -> dict[str, str]:
    return {"from": before.value, "to": to.value} | ({"why": why} if why else {})


def check(card: Card, to: CardState, actor: Actor) -> Move:
    """The move, if the table has it and they may make it.

    Raises:
        MoveNotAllowed: the table has no such move, or nothing was written on the card yet.
        NotTheirMove: the table has it, and not for them.
    """
    found = MOVES.get((card.state, to))
    if found is None:
        raise MoveNotAllowed(f"A card that is {card.state} cannot become {to}.")
    if not may(found, card, actor):
        raise NotTheirMove(f"They may not say that a card that is {card.state} is {to}.")
    if to is not CardState.DESTROYED and card.uid_index is None:
        raise MoveNotAllowed("Nothing was written on this card yet.")
    return found


async def _one(
    session: AsyncSession, account_id: UUID, product: str, states: frozenset[CardState]
) -> Card | None:
    query = select(Card).where(
        Card.account_id == account_id, Card.product == product, Card.state.in_(states)
    )
    return await session.scalar(query.with_for_update().execution_options(populate_existing=True))


async def _check_can_work(session: AsyncSession, card: Card, now: datetime) -> None:
    await check_holder(session, card.account_id)
    if card.expires_on is not None and card.expires_on < london_date(now):
        raise MoveNotAllowed("The last day of this card is over. Order another.")


async def _stored(session: AsyncSession, card: Card, to: CardState, now: datetime) -> None:
    """A holder has one card of a product, whoever else moves another of theirs meanwhile."""
    await session.flush()
    try:
        async with session.begin_nested():
            card.state, card.state_since = to, now
            await session.flush()
    except IntegrityError as error:
        await session.refresh(card)
        raise CardInHand("This resident has another card, or one is on its way.") from error


async def _tell_readers(
    session: AsyncSession,
    card: Card,
    before: CardState,
    to: CardState,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Every record of the card gets the status of its state; a card without records has none."""
    if STATUS[before] is STATUS[to]:
        return
    await grants.lock_holder(session, card.account_id)  # takes turns with an assessment
    await status.set_carrier_status(session, card.id, STATUS[to], actor=actor, now=now)
