"""A person asks to be erased: asked for, stopped, refused or due. Nothing is erased here.

A resident who asks is erased after a time in which they can stop it. Staff ask on their behalf, and
a second person decides (`identity.four_eyes`), as they do when the record must be kept.
Source: UK GDPR Articles 12(3), 12(4) and 17.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, four_eyes, notices
from identity.actors import Actor
from identity.dates import london_date
from identity.errors import InvalidDetails, NoErasureWaits, NoSuchAccount, WrongAccountState
from identity.grounds import EXCEPTIONS, REFUSING, Ground
from identity.models import (
    Account,
    AccountState,
    ChangeRequest,
    Erasure,
    ErasureBasis,
    ErasureState,
    RequestKind,
    RequestState,
)
from identity.personal import Vault

GRACE: Final = timedelta(days=14)
"""How long an erasure can be stopped, unless a setting says otherwise; the law allows a month."""
MESSAGE: Final = "erasure"
"""Kind of the messages about it."""


class ErasureAsked(msgspec.Struct, frozen=True):
    """What a request of staff to erase holds: how the resident asked, in words."""

    reason: str


class KeepingAsked(msgspec.Struct, frozen=True):
    """What a request of staff to keep a record holds, although its resident asked to be erased."""

    ground: Ground
    reason: str


async def ask(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    basis: ErasureBasis,
    *,
    grace: timedelta,
    actor: Actor,
    now: datetime,
) -> Erasure:
    """Have a record erased when `grace` is over. Asked twice, the first time counts.

    The resident is told, if there is time to stop it and an address to tell them at.

    Raises:
        NoSuchAccount: no account with that id.
        WrongAccountState: it is erased already.
    """
    account = await _locked(session, account_id)
    if (before := await waiting(session, account_id)) is not None:
        return before
    asked = Erasure(
        account_id=account_id,
        basis=basis,
        asked_at=now,
        asked_by_kind=actor.kind,
        asked_by_id=actor.id,
        due_at=now + grace,
    )
    session.add(asked)
    await session.flush()
    if grace:
        await _tell(session, vault, account, _notice(asked.due_at), now=now)
    detail = {"basis": basis.value, "due": asked.due_at.isoformat()}
    _audit(session, "erasure-asked", account_id, detail, actor=actor, now=now)
    return asked


async def ask_for_resident(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
) -> ChangeRequest:
    """Staff ask on a resident's behalf; a second person decides.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        NoSuchAccount: no account with that id.
        RequestWaits: another request for the account waits already.
        WrongAccountState: it is erased, or waits to be.
    """
    await _locked(session, account_id)
    if await waiting(session, account_id) is not None:
        raise WrongAccountState("This record waits to be erased already.")
    asked = ErasureAsked(four_eyes.checked_reason(reason))
    kind = RequestKind.ERASURE
    return await four_eyes.ask(session, vault, account_id, kind, asked, actor=actor, now=now)


async def ask_to_keep(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    ground: str,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
) -> ChangeRequest:
    """Staff ask that a record be kept although its resident asked; a second person decides.

    Raises:
        InvalidDetails: faults by field: `ground`, `reason`.
        NoErasureWaits: nobody asked for it to be erased.
        NoSuchAccount: no account with that id.
        RequestWaits: another request for the account waits already.
        WrongAccountState: it is erased already.
    """
    await _locked(session, account_id)
    await _waiting(session, account_id)
    faults: dict[str, str] = {}
    chosen = next((each for each in REFUSING if each.value == ground), None)
    if chosen is None:
        faults["ground"] = "Select why the record must be kept"
    try:
        reason = four_eyes.checked_reason(reason)
    except InvalidDetails as error:
        faults |= error.faults
    if faults or chosen is None:
        raise InvalidDetails(faults)
    asked = KeepingAsked(chosen, reason)
    kind = RequestKind.KEEPING
    return await four_eyes.ask(session, vault, account_id, kind, asked, actor=actor, now=now)


async def withdraw(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Stop an erasure that waits; the record stays as it is.

    Raises:
        NoErasureWaits: there is none to stop.
        NoSuchAccount: no account with that id.
        WrongAccountState: it is erased already.
    """
    account = await _locked(session, account_id)
    asked = await _waiting(session, account_id)
    asked.state, asked.ended_at = ErasureState.WITHDRAWN, now
    await session.flush()
    words = "Your Kent Card account will not be erased. Everything stays as it is."
    await _tell(session, vault, account, words, now=now)
    _audit(session, "erasure-withdrawn", account_id, {}, actor=actor, now=now)


async def refuse(
    session: AsyncSession, vault: Vault, approved: ChangeRequest, *, actor: Actor, now: datetime
) -> None:
    """End an erasure that waits, because two people say that the record must be kept.

    Raises:
        NoErasureWaits: it was stopped meanwhile.
        WrongAccountState: it is erased already.
    """
    as_json = await four_eyes.what_is_asked(session, vault, approved)
    ground = msgspec.json.decode(as_json, type=KeepingAsked).ground
    account = await _locked(session, approved.account_id)
    asked = await _waiting(session, account.id)
    asked.state, asked.ended_at, asked.ground = ErasureState.REFUSED, now, ground.value
    await session.flush()
    await _tell(session, vault, account, _refusal(ground), now=now)
    detail = {"ground": ground.value}
    _audit(session, "erasure-refused", account.id, detail, actor=actor, now=now)


async def waiting(session: AsyncSession, account_id: UUID) -> Erasure | None:
    """The erasure that waits for an account; None when none does."""
    query = select(Erasure).where(
        Erasure.account_id == account_id, Erasure.state == ErasureState.WAITING
    )
    return await session.scalar(query)


async def ready(session: AsyncSession, account_id: UUID, *, now: datetime) -> Erasure:
    """The erasure of an account that may be carried out now.

    Raises:
        NoErasureWaits: there is none, it is not due, or a request to keep the record waits.
    """
    query = select(Erasure).where(Erasure.account_id == account_id, _is_ready(now))
    asked = await session.scalar(query.execution_options(populate_existing=True))
    if asked is None:
        raise NoErasureWaits("No erasure of this record is due.")
    return asked


async def due(session: AsyncSession, *, now: datetime, most: int = 100) -> Sequence[UUID]:
    """Accounts whose time to stop their erasure is over, the longest first."""
    query = select(Erasure.account_id).where(_is_ready(now)).order_by(Erasure.due_at)
    return (await session.scalars(query.limit(most))).all()


async def long_deceased(
    session: AsyncSession, *, before: datetime, most: int = 100
) -> Sequence[UUID]:
    """Accounts that a report of death closed before a moment and that nobody has asked to erase."""
    reported = (
        select(ChangeRequest.account_id)
        .where(
            ChangeRequest.kind == RequestKind.DEATH, ChangeRequest.state == RequestState.APPROVED
        )
        .group_by(ChangeRequest.account_id)
        .having(func.max(ChangeRequest.decided_at) < before)
    )
    asked = select(Erasure.account_id).where(
        Erasure.state.in_((ErasureState.WAITING, ErasureState.REFUSED))
    )
    query = select(Account.id).where(
        Account.state == AccountState.CLOSED,
        Account.id.in_(reported),
        Account.id.not_in(asked),
    )
    return (await session.scalars(query.order_by(Account.id).limit(most))).all()


async def erased_at(session: AsyncSession, number: str) -> datetime | None:
    """When the record with an account number was erased; None when it was not, or never was."""
    query = (
        select(func.max(Erasure.ended_at))
        .join(Account, Account.id == Erasure.account_id)
        .where(
            Account.number == "".join(number.split()),
            Account.state == AccountState.ERASED,
            Erasure.state == ErasureState.DONE,
        )
    )
    return await session.scalar(query)


def _is_ready(now: datetime) -> ColumnElement[bool]:
    keeping = select(ChangeRequest.account_id).where(
        ChangeRequest.kind == RequestKind.KEEPING, ChangeRequest.state == RequestState.WAITING
    )
    waits = (Erasure.state == ErasureState.WAITING) & (Erasure.due_at <= now)
    return waits & Erasure.account_id.not_in(keeping)


async def _locked(session: AsyncSession, account_id: UUID) -> Account:
    account = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    if account.state is AccountState.ERASED:
        raise WrongAccountState("This record was erased.")
    return account


async def _waiting(session: AsyncSession, account_id: UUID) -> Erasure:
    asked = await waiting(session, account_id)
    if asked is None:
        raise NoErasureWaits("No erasure of this record waits. It may have been stopped.")
    return asked


async def _tell(
    session: AsyncSession, vault: Vault, account: Account, words: str, *, now: datetime
) -> None:
    """Send it to whoever can be sent something: nobody writes to people who died."""
    if account.state is AccountState.ACTIVE:
        await notices.tell(session, vault, account, MESSAGE, words, now=now)


def _notice(due_at: datetime) -> str:
    day = london_date(due_at)
    return (
        f"Your Kent Card account will be erased on {day.day} {day:%B %Y}.\n\n"
        "You can stop it until then: sign in and choose “Stop the erasure”, or tell a member of "
        "staff.\nIf you did not ask for this, sign in now and stop it."
    )


def _refusal(ground: Ground) -> str:
    """Source: UK GDPR Article 12(4): the reasons, and where to complain."""
    each = EXCEPTIONS[ground]
    return (
        f"We cannot erase your Kent Card account now. {each.words} ({each.law}).\n\n"
        "You can complain to the Information Commissioner (ico.org.uk), or ask a court."
    )


def _audit(
    session: AsyncSession,
    action: str,
    account_id: UUID,
    detail: dict[str, str],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    subject = audit.subject_of("account", account_id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
