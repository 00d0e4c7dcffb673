"""What residents were given: granting, ending, and what they hold on a day."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import events, status
from entitlements.decision import Eligible
from entitlements.event_models import EventType
from entitlements.models import Grant, Holder
from identity import audit
from identity.actors import Actor
from identity.errors import NoSuchAccount
from readers.contract.services import Service


class EndReason(StrEnum):
    """Why a grant ended."""

    EXPIRED = "expired"
    CHANGED = "changed"
    NOT_ELIGIBLE = "not-eligible"
    ERASED = "erased"


async def lock_holder(session: AsyncSession, account_id: UUID) -> Holder:
    """The resident's row, locked until the transaction ends; made when there is none yet.

    Raises:
        NoSuchAccount: no account with that id.
    """
    query = (
        select(Holder)
        .where(Holder.account_id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = await session.scalar(query)
    if found is not None:
        return found
    try:
        async with session.begin_nested():
            session.add(Holder(account_id=account_id))
    except IntegrityError as error:
        if (found := await session.scalar(query)) is None:
            raise NoSuchAccount("There is no account with that id.") from error
        return found  # another request made it meanwhile
    return (await session.scalars(query)).one()


async def owe_update(session: AsyncSession, account_id: UUID) -> None:
    """Something a card may carry has changed: the holder's cards are owed an update.

    Raises:
        NoSuchAccount: no account with that id.
    """
    holder = await lock_holder(session, account_id)
    holder.version += 1
    await session.flush()


async def grant(
    session: AsyncSession, account_id: UUID, decision: Eligible, *, actor: Actor, now: datetime
) -> Grant:
    """Give a resident what a decision allows. Their cards are owed an update from now on."""
    holder = await lock_holder(session, account_id)
    holder.version += 1
    given = Grant(
        account_id=account_id,
        scheme=decision.scheme,
        service=decision.service,
        entitlement_class=decision.entitlement_class,
        card_rank=decision.card_rank,
        valid_from=decision.valid_from,
        valid_until=decision.valid_until,
        granted_at=now,
    )
    session.add(given)
    await session.flush()
    if decision.service is not None:
        await status.set_held(session, account_id, decision.service, held=True)
    _audit(session, "entitlement-granted", given, actor=actor, now=now)
    return given


async def end(
    session: AsyncSession, given: Grant, reason: EndReason, *, actor: Actor, now: datetime
) -> None:
    """End a grant. Records of it are refused from now on, unless another grant carries them."""
    holder = await lock_holder(session, given.account_id)
    holder.version += 1
    given.ended_at, given.ended_reason = now, reason.value
    await session.flush()
    # A record that ran out says so itself, and a changed one is about to be granted anew.
    if reason is EndReason.NOT_ELIGIBLE and given.service is not None:
        others = await _open(session, given.account_id)
        if all(other.service is not given.service for other in others):
            await status.set_held(session, given.account_id, given.service, held=False)
    changed = reason is EndReason.CHANGED
    kind = EventType.ENTITLEMENT_CHANGED if changed else EventType.ENTITLEMENT_ENDED
    await events.entitlement(session, given.account_id, given.scheme, kind, now=now)
    _audit(session, "entitlement-ended", given, actor=actor, now=now)


def run_out(on: date) -> Select[Grant]:
    """Every resident's grants that ended of themselves before a day, and were not ended yet."""
    return select(Grant).where(Grant.ended_at.is_(None), Grant.valid_until < on)


async def end_run_out(
    session: AsyncSession, account_id: UUID, on: date, *, actor: Actor, now: datetime
) -> None:
    """End a resident's grants that ran out before a day, whether or not their scheme still is."""
    mine = run_out(on).where(Grant.account_id == account_id).order_by(Grant.scheme)
    for given in (await session.scalars(mine)).all():
        await end(session, given, EndReason.EXPIRED, actor=actor, now=now)


async def current(session: AsyncSession, account_id: UUID, on: date) -> Sequence[Grant]:
    """What a resident holds on a day, or will hold later, by scheme."""
    return [given for given in await _open(session, account_id) if given.valid_until >= on]


async def history(session: AsyncSession, account_id: UUID) -> Sequence[Grant]:
    """Everything a resident was ever given, newest first."""
    query = select(Grant).where(Grant.account_id == account_id)
    return (await session.scalars(query.order_by(Grant.granted_at.desc(), Grant.id))).all()


async def open_by_scheme(session: AsyncSession, account_id: UUID) -> Mapping[str, Grant]:
    """Grants that were not ended, even if they ran out."""
    return {given.scheme: given for given in await _open(session, account_id)}


def best_by_service(held: Sequence[Grant]) -> Mapping[Service, Grant]:
    """The one grant of each service that a card shows: the highest rank, then the longest."""
    best: dict[Service, Grant] = {}
    for given in sorted(held, key=lambda each: (each.card_rank, each.valid_until, each.scheme)):
        if given.service is not None:
            best[given.service] = given
    return best


async def _open(session: AsyncSession, account_id: UUID) -> Sequence[Grant]:
    query = select(Grant).where(Grant.account_id == account_id, Grant.ended_at.is_(None))
    return (await session.scalars(query.order_by(Grant.scheme))).all()


def _audit(
    session: AsyncSession, action: str, given: Grant, *, actor: Actor, now: datetime
) -> None:
    # The class is left out: it may tell of a disability or a benefit.
    service = None if given.service is None else given.service.value
    detail = {"service": service, "reason": given.ended_reason}
    subject = audit.subject_of("account", given.account_id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
