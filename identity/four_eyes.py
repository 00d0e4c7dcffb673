"""Changes that one member of staff asks for and another decides: never the same person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, names, person_keys
from identity.actors import Actor
from identity.db import new_id
from identity.errors import InvalidDetails, RequestDecided, RequestWaits, SecondPersonNeeded
from identity.models import Account, ChangeRequest, RequestKind, RequestState
from identity.personal import Vault

LONGEST_REASON = 200
_TABLE = ChangeRequest.__tablename__


async def ask(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    kind: RequestKind,
    asked: msgspec.Struct,
    *,
    actor: Actor,
    now: datetime,
) -> ChangeRequest:
    """Ask for a change. Nothing changes until somebody else approves it.

    Raises:
        RequestWaits: another request for the account waits already.
    """
    row_id = new_id()
    personal = await person_keys.for_writing(session, vault, account_id)
    as_json = msgspec.json.encode(asked).decode()
    request = ChangeRequest(
        id=row_id,
        account_id=account_id,
        kind=kind,
        asked_at=now,
        asked_by_id=actor.id,
        asked_by_label=actor.label,
        sealed_asked=personal.seal(_TABLE, "sealed_asked", row_id, as_json),
    )
    try:
        async with session.begin_nested():
            session.add(request)
    except IntegrityError as error:
        raise RequestWaits("Another request for this resident waits for a decision.") from error
    _audit(session, "request-made", request, actor=actor, now=now)
    return request


class WaitingLine(msgspec.Struct, frozen=True):
    """A request that waits, without what it asks: nobody's name is in it.

    Attributes:
        number: of the account it is about.
        asked_by: the member of staff.
    """

    id: UUID
    kind: RequestKind
    number: str
    asked_at: datetime
    asked_by: str


async def waiting_lines(session: AsyncSession) -> tuple[WaitingLine, ...]:
    """The same as `waiting`, for whoever may know that something waits and no more."""
    rows = await session.execute(
        select(ChangeRequest, Account.number)
        .join(Account, Account.id == ChangeRequest.account_id)
        .where(ChangeRequest.state == RequestState.WAITING)
        .order_by(ChangeRequest.asked_at, ChangeRequest.id)
    )
    return tuple(
        WaitingLine(row.id, row.kind, number, row.asked_at, row.asked_by_label)
        for row, number in rows
    )


async def waiting(session: AsyncSession) -> Sequence[ChangeRequest]:
    """Requests that wait for a decision, oldest first."""
    query = select(ChangeRequest).where(ChangeRequest.state == RequestState.WAITING)
    return (await session.scalars(query.order_by(ChangeRequest.asked_at, ChangeRequest.id))).all()


async def corrections_of(session: AsyncSession, account_id: UUID) -> Sequence[ChangeRequest]:
    """What a resident asked to have corrected, newest first. Of reports of death nobody is told."""
    query = select(ChangeRequest).where(
        ChangeRequest.account_id == account_id, ChangeRequest.kind == RequestKind.CORRECTION
    )
    return (await session.scalars(query.order_by(ChangeRequest.asked_at.desc()))).all()


async def what_is_asked(session: AsyncSession, vault: Vault, request: ChangeRequest) -> str:
    """What is asked, as the JSON it was asked in."""
    personal = await person_keys.for_reading(session, vault, request.account_id)
    return personal.open(_TABLE, "sealed_asked", request.id, request.sealed_asked)


async def approve(
    session: AsyncSession, request_id: UUID, *, actor: Actor, now: datetime
) -> ChangeRequest:
    """Approve a request; the caller makes the change in the same transaction.

    Raises:
        RequestDecided: no such request waits.
        SecondPersonNeeded: the actor asked for it.
    """
    request = await _to_decide(session, request_id, actor)
    request.state, request.decided_at = RequestState.APPROVED, now
    request.decided_by_id = actor.id
    await session.flush()
    _audit(session, "request-approved", request, actor=actor, now=now)
    return request


async def refuse(
    session: AsyncSession,
    vault: Vault,
    request_id: UUID,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Refuse a request, and say why.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        RequestDecided: no such request waits.
        SecondPersonNeeded: the actor asked for it.
    """
    request = await _to_decide(session, request_id, actor)
    reason = checked_reason(reason)
    personal = await person_keys.for_writing(session, vault, request.account_id)
    request.sealed_reason = personal.seal(_TABLE, "sealed_reason", request.id, reason)
    request.state, request.decided_at = RequestState.REFUSED, now
    request.decided_by_id = actor.id
    await session.flush()
    _audit(session, "request-refused", request, actor=actor, now=now)


def checked_reason(typed: str, *, longest: int = LONGEST_REASON) -> str:
    """A reason that can be kept.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
    """
    reason = names.tidy(typed)
    if not reason:
        raise InvalidDetails({"reason": "Say why"})
    if len(reason) > longest:
        raise InvalidDetails({"reason": f"The reason must be {longest} characters or fewer"})
    if not names.is_printable(reason):
        raise InvalidDetails({"reason": names.UNPRINTABLE})
    return reason


async def _to_decide(session: AsyncSession, request_id: UUID, actor: Actor) -> ChangeRequest:
    """The request, locked: of two who decide at once the second finds it decided."""
    request = await session.get(
        ChangeRequest, request_id, with_for_update=True, populate_existing=True
    )
    if request is None or request.state is not RequestState.WAITING:
        raise RequestDecided("No such request waits. Somebody may have decided it.")
    if request.asked_by_id == actor.id:
        raise SecondPersonNeeded("You asked for this yourself. Another person must decide.")
    return request


def _audit(
    session: AsyncSession, action: str, request: ChangeRequest, *, actor: Actor, now: datetime
) -> None:
    subject = audit.subject_of("account", request.account_id)
    detail = {"request": str(request.id), "kind": request.kind.value}
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
