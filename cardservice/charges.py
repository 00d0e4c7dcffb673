"""What is charged for a card: due, then paid or waived, and a payment may be given back."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import products
from cardservice.charge_causes import Cause, Relief
from cardservice.charge_models import Charge, ChargeState, Method
from cardservice.errors import ChargeSettled, NoSuchCharge
from cardservice.models import Card
from identity import audit
from identity.actors import Actor
from identity.dates import london_date
from identity.errors import SecondPersonNeeded


async def charge_for(
    session: AsyncSession,
    card: Card,
    cause: Cause,
    *,
    has_crime_reference: bool,
    actor: Actor,
    now: datetime,
) -> Charge | None:
    """Charge for a card that takes the place of another; None where that costs nothing.

    What is free for a reason that is shown already is kept as waived, so that the resident sees
    what they did not have to pay, and why.
    """
    cost, relief = price_of(cause, has_crime_reference=has_crime_reference, on=london_date(now))
    if cost is None:
        return None
    charge = Charge(
        account_id=card.account_id, card_id=card.id, cause=cause, pence=cost.pence, due_at=now
    )
    if relief is not None:
        charge.state, charge.settled_at, charge.relief = ChargeState.WAIVED, now, relief
    session.add(charge)
    await session.flush()
    record(session, charge, actor=actor, now=now)
    return charge


def price_of(
    cause: Cause, *, has_crime_reference: bool, on: date
) -> tuple[products.Cost | None, Relief | None]:
    """What another card costs on a day, and why nothing is asked for after all, if nothing is."""
    cost = products.built_in().cost(cause, on)
    if cost is None:
        return None, None
    shown = cost.free_for is Relief.FAULTY or (
        cost.free_for is Relief.CRIME_REFERENCE and has_crime_reference
    )
    return cost, cost.free_for if shown else None


async def locked(session: AsyncSession, charge_id: UUID, account_id: UUID) -> Charge:
    """A charge of a resident, locked until the transaction ends.

    Raises:
        NoSuchCharge: there is none, or it is somebody else's.
    """
    query = select(Charge).where(Charge.id == charge_id, Charge.account_id == account_id)
    found = await session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if found is None:
        raise NoSuchCharge("This resident has no such charge.")
    return found


def take(
    session: AsyncSession, charge: Charge, method: Method, *, actor: Actor, now: datetime
) -> None:
    """A locked charge was paid.

    Raises:
        ChargeSettled: it is not due.
    """
    _must_be(charge, ChargeState.DUE)
    charge.state, charge.settled_at, charge.method = ChargeState.PAID, now, method
    charge.settled_by_id = actor.id
    record(session, charge, actor=actor, now=now)


def waive(
    session: AsyncSession, charge: Charge, relief: Relief, *, actor: Actor, now: datetime
) -> None:
    """A locked charge is not asked for after all.

    Raises:
        ChargeSettled: it is not due.
    """
    _must_be(charge, ChargeState.DUE)
    charge.state, charge.settled_at, charge.relief = ChargeState.WAIVED, now, relief
    charge.settled_by_id = actor.id
    record(session, charge, actor=actor, now=now)


def check_refund(charge: Charge, actor: Actor) -> None:
    """Whether an actor may give back what was paid.

    Raises:
        ChargeSettled: it was not paid, or was given back.
        SecondPersonNeeded: they took it themselves.
    """
    _must_be(charge, ChargeState.PAID)
    if charge.settled_by_id == actor.id:
        raise SecondPersonNeeded("You took this payment. Another person must give it back.")


def refund(
    session: AsyncSession, charge: Charge, relief: Relief, *, actor: Actor, now: datetime
) -> None:
    """What was paid for a locked charge was given back.

    Raises:
        ChargeSettled: it was not paid, or was given back.
        SecondPersonNeeded: the actor took it themselves.
    """
    check_refund(charge, actor)
    charge.state, charge.refunded_at, charge.relief = ChargeState.REFUNDED, now, relief
    record(session, charge, actor=actor, now=now)


async def of_account(session: AsyncSession, account_id: UUID) -> Sequence[Charge]:
    """Every charge of a resident, newest first."""
    query = select(Charge).where(Charge.account_id == account_id)
    return (await session.scalars(query.order_by(Charge.due_at.desc(), Charge.id))).all()


async def of_card(session: AsyncSession, card_id: UUID) -> Charge | None:
    """The charge for a card, locked; None where it costs nothing."""
    query = select(Charge).where(Charge.card_id == card_id).with_for_update()
    return await session.scalar(query.execution_options(populate_existing=True))


async def let_go(session: AsyncSession, card: Card, *, actor: Actor, now: datetime) -> None:
    """Ask no money for a card that will not be made; what was paid is given back by staff."""
    charge = await of_card(session, card.id)
    if charge is not None and charge.state is ChargeState.DUE:
        charge.state, charge.settled_at = ChargeState.WAIVED, now
        charge.relief = Relief.NOT_WANTED
        record(session, charge, actor=actor, now=now)


async def follow(session: AsyncSession, first: Card, card: Card) -> None:
    """Charge for another chip of the same order what was charged for the first."""
    moved = update(Charge).where(Charge.card_id == first.id).values(card_id=card.id)
    await session.execute(moved)


def _must_be(charge: Charge, state: ChargeState) -> None:
    if charge.state is not state:
        raise ChargeSettled(f"This charge is {charge.state}, not {state}.")


def record(session: AsyncSession, charge: Charge, *, actor: Actor, now: datetime) -> None:
    """Say in the trail how a charge stands from now on."""
    subject = audit.subject_of("card", charge.card_id)
    detail = {
        "charge": str(charge.id),
        "cause": charge.cause.value,
        "pence": charge.pence,
        "relief": charge.relief.value if charge.relief else None,
    }
    action = f"charge-{charge.state.value}"
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
