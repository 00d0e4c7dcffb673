"""What residents are given: offering, granting, suspending, ending, and what they hold on a day.

Every change of state is a move of `grant_states.MOVES`, kept as a row of `grant_move`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import events, status
from entitlements.decision import Eligible, Terms
from entitlements.errors import GrantMoveRefused, NoSuchGrant
from entitlements.event_models import EventType
from entitlements.grant_models import GrantMove
from entitlements.grant_states import BEGINNINGS, GIVEN, MOVES, GrantState
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
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class SuspendReason(StrEnum):
    """Why staff suspend something that was given, or why the suspension ends."""

    ASKED = "asked"
    MISUSED = "misused"
    ENQUIRY = "enquiry"
    SETTLED = "settled"
    MISTAKE = "mistake"


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


async def begin(
    session: AsyncSession,
    account_id: UUID,
    terms: Terms,
    state: GrantState,
    *,
    actor: Actor,
    now: datetime,
) -> Grant:
    """Offer, grant or note as applied for what a resident has no open grant of yet.

    Raises:
        GrantMoveRefused: nothing begins in that state.
    """
    if state not in BEGINNINGS:
        raise GrantMoveRefused(f"No grant begins as {state}.")
    begun = Grant(
        account_id=account_id,
        scheme=terms.scheme,
        service=terms.service,
        entitlement_class=terms.entitlement_class,
        card_rank=terms.card_rank,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        granted_at=now,
        state=state,
    )
    session.add(begun)
    await _moved(session, begun, None, actor=actor, now=now)
    return begun


async def grant(
    session: AsyncSession,
    account_id: UUID,
    decision: Eligible,
    *,
    actor: Actor,
    now: datetime,
    before: Grant | None = None,
) -> Grant:
    """Give a resident what a decision allows. Their cards are owed an update from now on.

    Args:
        session: the transaction.
        account_id: whose.
        decision: what is given.
        actor: who gives it.
        now: when.
        before: what was offered to them, or applied for.

    Raises:
        GrantMoveRefused: what was there before cannot be granted.
    """
    terms = Terms.of(decision)
    if before is None:
        return await begin(session, account_id, terms, GrantState.GRANTED, actor=actor, now=now)
    was = _take(before, GrantState.GRANTED)
    _set_terms(before, terms)
    before.granted_at = now
    await _moved(session, before, was, actor=actor, now=now)
    return before


async def move(
    session: AsyncSession,
    given: Grant,
    state: GrantState,
    *,
    actor: Actor,
    now: datetime,
    reason: SuspendReason | None = None,
) -> None:
    """Decline, suspend, resume, or note that what was offered is applied for.

    What is suspended is refused by readers, unless another grant of the service carries it.

    Raises:
        GrantMoveRefused: there is no such move.
    """
    was = _take(given, state)
    await _moved(session, given, was, actor=actor, now=now, reason=reason)


async def end(
    session: AsyncSession, given: Grant, reason: EndReason, *, actor: Actor, now: datetime
) -> None:
    """End a grant. Records of it are refused from now on, unless another grant carries them.

    Raises:
        GrantMoveRefused: it ended before.
    """
    was = _take(given, GrantState.ENDED)
    given.ended_at, given.ended_reason = now, reason.value
    await _moved(session, given, was, actor=actor, now=now, reason=reason)


def _take(given: Grant, state: GrantState) -> GrantState:
    was = given.state
    if state not in MOVES[was]:
        raise GrantMoveRefused(f"What is {was} cannot become {state}.")
    given.state = state
    return was


def _set_terms(given: Grant, terms: Terms) -> None:
    for name in ("service", "entitlement_class", "card_rank", "valid_from", "valid_until"):
        setattr(given, name, getattr(terms, name))


async def _moved(
    session: AsyncSession,
    given: Grant,
    was: GrantState | None,
    *,
    actor: Actor,
    now: datetime,
    reason: EndReason | SuspendReason | None = None,
) -> None:
    """Write the move down, and have cards and readers follow where it concerns them."""
    holder = await lock_holder(session, given.account_id)
    await session.flush()
    session.add(
        GrantMove(
            grant_id=given.id,
            account_id=given.account_id,
            now_is=given.state,
            at=now,
            reason=reason,
            by_kind=actor.kind,
            by_id=actor.id,
            by_label=actor.label,
        )
    )
    if given.state is GrantState.GRANTED or was in GIVEN:
        holder.version += 1
        await session.flush()
        # A record that ran out says so itself, and a changed one is about to be granted anew.
        if reason not in {EndReason.EXPIRED, EndReason.CHANGED, EndReason.ERASED}:
            await _tell_readers(session, given)
    if (kind := _told(was, given.state, reason)) is not None:
        await events.entitlement(session, given.account_id, given.scheme, kind, now=now)
    await session.flush()
    _audit(session, f"entitlement-{given.state}", given, reason, actor=actor, now=now)


def _told(
    was: GrantState | None, state: GrantState, reason: EndReason | SuspendReason | None
) -> EventType | None:
    """What partners are told of a move; None for what they need not know."""
    if state is GrantState.ENDED and was in GIVEN:
        changed = reason is EndReason.CHANGED
        return EventType.ENTITLEMENT_CHANGED if changed else EventType.ENTITLEMENT_ENDED
    if state is GrantState.SUSPENDED:
        return EventType.ENTITLEMENT_SUSPENDED
    resumed = was is GrantState.SUSPENDED and state is GrantState.GRANTED
    return EventType.ENTITLEMENT_RESUMED if resumed else None


async def _tell_readers(session: AsyncSession, given: Grant) -> None:
    if given.service is None:
        return
    held = [each for each in await _open(session, given.account_id) if is_held(each)]
    carried = any(each.service is given.service for each in held)
    await status.set_held(session, given.account_id, given.service, held=carried)


def is_held(given: Grant) -> bool:
    """Whether it may be used today, as far as its state goes."""
    return given.state is GrantState.GRANTED


def run_out(on: date) -> Select[Grant]:
    """Every resident's grants that ended of themselves before a day, and were not ended yet.

    What is only offered or applied for does not run out: its days begin when it is given.
    """
    return select(Grant).where(
        Grant.ended_at.is_(None), Grant.valid_until < on, Grant.state.in_(GIVEN)
    )


def has_run_out(given: Grant, on: date) -> bool:
    """The same of one grant that was not ended."""
    return given.valid_until < on and given.state in GIVEN


async def end_run_out(
    session: AsyncSession, account_id: UUID, on: date, *, actor: Actor, now: datetime
) -> None:
    """End a resident's grants that ran out before a day, whether or not their scheme still is."""
    mine = run_out(on).where(Grant.account_id == account_id).order_by(Grant.scheme)
    for given in (await session.scalars(mine)).all():
        await end(session, given, EndReason.EXPIRED, actor=actor, now=now)


async def current(session: AsyncSession, account_id: UUID, on: date) -> Sequence[Grant]:
    """What a resident holds on a day, or will hold later, by scheme."""
    opened = await _open(session, account_id)
    return [given for given in opened if is_held(given) and given.valid_until >= on]


async def own(session: AsyncSession, account_id: UUID, grant_id: UUID) -> Grant:
    """One of a resident's grants, locked until the transaction ends.

    Raises:
        NoSuchGrant: there is none of theirs with that id.
    """
    query = select(Grant).where(Grant.account_id == account_id, Grant.id == grant_id)
    found = await session.scalar(query.with_for_update())
    if found is None:
        raise NoSuchGrant("There is no such grant.")
    return found


async def history(session: AsyncSession, account_id: UUID) -> Sequence[Grant]:
    """Everything a resident was ever given, offered or applied for, newest first."""
    query = select(Grant).where(Grant.account_id == account_id)
    return (await session.scalars(query.order_by(Grant.granted_at.desc(), Grant.id))).all()


async def open_by_scheme(session: AsyncSession, account_id: UUID) -> Mapping[str, Grant]:
    """Grants that were not ended, in whatever state, even if they ran out."""
    return {given.scheme: given for given in await _open(session, account_id)}


async def moves_of(session: AsyncSession, account_id: UUID) -> Mapping[UUID, Sequence[GrantMove]]:
    """What became of each of a resident's grants, in order of time, by the grant's id."""
    query = select(GrantMove).where(GrantMove.account_id == account_id)
    found: dict[UUID, list[GrantMove]] = {}
    for row in await session.scalars(query.order_by(GrantMove.at, GrantMove.id)):
        found.setdefault(row.grant_id, []).append(row)
    return found


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
    session: AsyncSession,
    action: str,
    given: Grant,
    reason: EndReason | SuspendReason | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    # The class is left out: it may tell of a disability or a benefit.
    service = None if given.service is None else given.service.value
    detail = {"service": service, "reason": reason and reason.value}
    subject = audit.subject_of("account", given.account_id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
