"""A second person approves what was asked for, and everything it bears on follows at once."""

from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, lifecycle, phones
from cardservice.models import Card, CardOrder, CardState, OrderState
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
            await _stop_card(session, account_id, actor=actor, now=now)
            await phones.end(session, account_id, actor=actor, now=now)
            await deaths.close(session, vault, account_id, actor=actor, now=now)
        case RequestKind.FALSE_REPORT:
            await deaths.reopen(session, account_id, actor=actor, now=now)
            await _free_card(session, account_id, actor=actor, now=now)
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


async def end_card(session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Readers refuse the card for ever; an order for one is cancelled."""
    card = await lifecycle.live_card(session, account_id)
    if card is None:
        return
    if card.state is CardState.ORDERED:
        await _cancel_order(session, card, actor=actor, now=now)
    else:
        await lifecycle.move(session, card, CardState.REPLACED, actor=actor, now=now)


async def _stop_card(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Readers refuse the card from now on; an order for one is cancelled."""
    card = await lifecycle.live_card(session, account_id)
    if card is None:
        return
    if card.state is CardState.ORDERED:
        await _cancel_order(session, card, actor=actor, now=now)
    else:
        await grants.lock_holder(session, account_id)
        stopped = Status.SUSPENDED  # a false report can be undone; what is invalid stays so
        await status.set_carrier_status(session, card.id, stopped, actor=actor, now=now)


async def _cancel_order(session: AsyncSession, card: Card, *, actor: Actor, now: datetime) -> None:
    waits = select(CardOrder.id).where(
        CardOrder.card_id == card.id, CardOrder.state == OrderState.WAITING
    )
    order_id = (await session.scalars(waits)).one()
    await issuance.cancel(session, order_id, actor=actor, now=now)


async def _free_card(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """The card works again, unless it was lost."""
    card = await lifecycle.live_card(session, account_id)
    if card is not None and card.state is CardState.ACTIVE:
        await grants.lock_holder(session, account_id)
        await status.set_carrier_status(session, card.id, Status.VALID, actor=actor, now=now)
