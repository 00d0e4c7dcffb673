"""Payments by GOV.UK Pay: begun, asked about, and given back.

No transaction is open while Pay is asked. At most one payment of a charge can be gone on with: one
whose address we were never told is over, since nobody can have paid there.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import charges
from cardservice.charge_causes import Relief
from cardservice.charge_models import Charge, ChargeState, Method, Payment, PaymentState
from cardservice.errors import CardError, PaymentsUnavailable
from cardservice.govuk_pay import GovukPay, Standing
from identity.actors import SYSTEM, Actor

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]
DESCRIPTION: Final = "Replacement Kent Card"
"""What a payer reads at Pay and on the receipt: nothing of who they are."""
ASK_AFTER: Final = timedelta(minutes=5)
"""So long after it was begun a payment is asked about although nobody came back, and then again."""
AT_ONCE: Final = 50
_LOG: Final = structlog.get_logger(__name__)


class _Open(NamedTuple):
    """A payment that was begun, by our name and Pay's."""

    id: UUID
    provider_id: str | None


async def begin(
    transaction: Transaction,
    pay: GovukPay,
    account_id: UUID,
    charge_id: UUID,
    *,
    return_url: str,
    actor: Actor,
    now: datetime,
) -> str:
    """Where a resident goes on to pay a charge; empty when it is settled already.

    Raises:
        NoSuchCharge: they have no such charge.
        PaymentsUnavailable: Pay did not answer; nothing was paid.
    """
    state = await settle(transaction, pay, account_id, charge_id, actor=actor, now=now)
    if state is not ChargeState.DUE:
        return ""
    async with transaction() as session:
        charge = await charges.locked(session, charge_id, account_id)
        found, pence = await _open_of(session, charge_id), charge.pence
        if found is None or found.provider_id is None:
            found = await _anew(session, charge_id, found, now)
    if found.provider_id is not None:
        return (await pay.standing(found.provider_id)).next_url
    created = await pay.create(
        found.id, pence=pence, description=DESCRIPTION, return_url=return_url
    )
    async with transaction() as session:
        row = await session.get_one(Payment, found.id, with_for_update=True)
        if row.state is not PaymentState.BEGUN:  # they pressed twice: the other one counts
            raise PaymentsUnavailable("This payment was begun twice. Try again.")
        row.provider_id = created.payment_id
    return created.next_url


async def settle(
    transaction: Transaction,
    pay: GovukPay,
    account_id: UUID,
    charge_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> ChargeState:
    """Ask what became of a payment that was begun, and how the charge stands after that.

    Raises:
        NoSuchCharge: they have no such charge.
        PaymentsUnavailable: Pay did not answer.
    """
    async with transaction() as session:
        charge = await charges.locked(session, charge_id, account_id)
        found, state = await _open_of(session, charge_id), charge.state
    if found is None or found.provider_id is None:
        return state
    said = await pay.standing(found.provider_id)
    async with transaction() as session:
        charge = await charges.locked(session, charge_id, account_id)
        await _keep(session, charge, found.id, said, actor=actor, now=now)
        return charge.state


async def settle_open(transaction: Transaction, pay: GovukPay, *, now: datetime) -> int:
    """Ask about payments from which nobody came back; how many ended."""
    async with transaction() as session:
        query = (
            select(Charge.account_id, Charge.id, Payment.id)
            .join(Payment, Payment.charge_id == Charge.id)
            .where(
                Payment.state == PaymentState.BEGUN,
                Payment.provider_id.is_not(None),
                Payment.asked_at < now - ASK_AFTER,
            )
            .order_by(Payment.asked_at)
            .limit(AT_ONCE)
        )
        waiting = (await session.execute(query)).all()
        asked = [payment_id for _, _, payment_id in waiting]
        await session.execute(update(Payment).where(Payment.id.in_(asked)).values(asked_at=now))
    ended = 0
    for account_id, charge_id, payment_id in waiting:
        try:
            await settle(transaction, pay, account_id, charge_id, actor=SYSTEM, now=now)
        except CardError as error:  # it is asked about again
            _LOG.warning("payment not settled", payment=str(payment_id), code=error.code)
            continue
        async with transaction() as session:
            row = await session.get_one(Payment, payment_id)
            ended += row.state is not PaymentState.BEGUN
    return ended


async def give_back(
    transaction: Transaction,
    pay: GovukPay | None,
    account_id: UUID,
    charge_id: UUID,
    relief: Relief,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Give back what was paid: by Pay what was paid there, and over the desk what was paid there.

    Raises:
        NoSuchCharge: the resident has no such charge.
        ChargeSettled: it was not paid, or was given back.
        SecondPersonNeeded: the actor took it themselves.
        PaymentsUnavailable: Pay did not give it back; the charge stays paid.
    """
    async with transaction() as session:
        charge = await charges.locked(session, charge_id, account_id)
        charges.check_refund(charge, actor)
        pence, method = charge.pence, charge.method
        provider_id = await session.scalar(
            select(Payment.provider_id).where(
                Payment.charge_id == charge_id, Payment.state == PaymentState.SUCCEEDED
            )
        )
    if method is Method.GOVUK_PAY:
        if pay is None or provider_id is None:
            raise PaymentsUnavailable("GOV.UK Pay is not set up, so that nothing is given back.")
        await pay.give_back(provider_id, pence=pence)
    async with transaction() as session:
        charge = await charges.locked(session, charge_id, account_id)
        charges.refund(session, charge, relief, actor=actor, now=now)


async def _open_of(session: AsyncSession, charge_id: UUID) -> _Open | None:
    query = select(Payment.id, Payment.provider_id).where(
        Payment.charge_id == charge_id, Payment.state == PaymentState.BEGUN
    )
    row = (await session.execute(query)).one_or_none()
    return _Open(*row) if row else None


async def _anew(
    session: AsyncSession, charge_id: UUID, before: _Open | None, now: datetime
) -> _Open:
    if before is not None:
        over = await session.get_one(Payment, before.id)
        over.state, over.ended_at = PaymentState.FAILED, now
        await session.flush()
    row = Payment(charge_id=charge_id, begun_at=now, asked_at=now)
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise PaymentsUnavailable("This payment was begun twice. Try again.") from error
    return _Open(row.id, None)


async def _keep(
    session: AsyncSession,
    charge: Charge,
    payment_id: UUID,
    said: Standing,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    row = await session.get_one(Payment, payment_id, populate_existing=True)
    if row.state is not PaymentState.BEGUN or said.became is PaymentState.BEGUN:
        return
    if (said.reference, said.amount) != (str(row.id), charge.pence):
        _LOG.error("payment of something else", payment=str(row.id))
        raise PaymentsUnavailable("GOV.UK Pay answered about another payment.")
    row.state, row.ended_at = said.became, now
    if said.became is PaymentState.SUCCEEDED and charge.state is ChargeState.DUE:
        charges.take(session, charge, Method.GOVUK_PAY, actor=actor, now=now)
    elif said.became is PaymentState.SUCCEEDED:
        _LOG.error("payment of a charge that was settled otherwise", payment=str(row.id))
