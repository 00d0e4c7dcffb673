"""A second person approves what was asked for, and everything it bears on follows at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, lifecycle, phones
from cardservice.models import LIVE, Card, CardState
from entitlements import assessing, grants, status
from identity import corrections, deaths, erasure, four_eyes
from identity.actors import Actor
from identity.models import ErasureBasis, RequestKind
from identity.personal import Vault
from readers.contract.statuslist import Status


async def approve(
    session: AsyncSession,
    vault: Vault,
    request_id: UUID,
    *,
    grace: timedelta = erasure.GRACE,
    actor: Actor,
    now: datetime,
) -> None:
    """Approve a request and do it, in one transaction.

    Args:
        session: the transaction.
        vault: opens what was asked.
        request_id: which.
        grace: how long the resident can stop an erasure that staff asked for.
        actor: who approves.
        now: when.

    Raises:
        NoErasureWaits: the erasure that a record was to be kept from was stopped.
        RequestDecided: no such request waits.
        SecondPersonNeeded: the actor asked for it.
        WrongAccountState: the account is closed already, or is not.
    """
    approved = await four_eyes.approve(session, request_id, actor=actor, now=now)
    account_id = approved.account_id
    match approved.kind:
        case RequestKind.CORRECTION:
            await corrections.apply(session, vault, approved, actor=actor, now=now)
        case RequestKind.DEATH:
            await _stop_cards(session, account_id, actor=actor, now=now)
            await phones.end(session, account_id, actor=actor, now=now)
            await deaths.close(session, vault, account_id, actor=actor, now=now)
        case RequestKind.FALSE_REPORT:
            await deaths.reopen(session, account_id, actor=actor, now=now)
            await _free_cards(session, account_id, actor=actor, now=now)
        case RequestKind.ERASURE:
            basis = ErasureBasis.STAFF
            await erasure.ask(session, vault, account_id, basis, grace=grace, actor=actor, now=now)
            return
        case RequestKind.KEEPING:
            await erasure.refuse(session, vault, approved, actor=actor, now=now)
            return
        case never:
            assert_never(never)
    await grants.owe_update(session, account_id)
    await assessing.assess(session, vault, account_id, actor=actor, now=now)


async def end_cards(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Readers refuse every card of a resident for ever; what was ordered is cancelled."""
    for card in await _not_ended(session, account_id):
        if card.state is CardState.ORDERED:
            await issuance.cancel_card(session, card, actor=actor, now=now)
        else:
            to = CardState.REPLACED if card.state in LIVE else CardState.DESTROYED
            await lifecycle.move(session, card, to, actor=actor, now=now)


async def _stop_cards(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Readers refuse every card from now on; what was ordered is cancelled."""
    for card in await _not_ended(session, account_id):
        if card.state is CardState.ORDERED:
            await issuance.cancel_card(session, card, actor=actor, now=now)
        elif lifecycle.STATUS[card.state] is Status.VALID:
            await grants.lock_holder(session, account_id)
            stopped = Status.SUSPENDED  # a false report can be undone; what is invalid stays so
            await status.set_carrier_status(session, card.id, stopped, actor=actor, now=now)


async def _not_ended(session: AsyncSession, account_id: UUID) -> Sequence[Card]:
    """The cards of a resident that readers accept or could accept once more, locked."""
    ended = [state for state, effect in lifecycle.STATUS.items() if effect is Status.INVALID]
    query = select(Card).where(Card.account_id == account_id, Card.state.not_in(ended))
    locked = query.order_by(Card.id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(locked)).all()


async def _free_cards(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """A card that was in use works again."""
    for card in await _not_ended(session, account_id):
        if card.state is CardState.ACTIVE:
            await grants.lock_holder(session, account_id)
            await status.set_carrier_status(session, card.id, Status.VALID, actor=actor, now=now)
