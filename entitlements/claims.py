"""The queue of applications, and who of the staff looks after which, for a while."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements.application_models import (
    Application,
    ApplicationEvent,
    ApplicationState,
    Happened,
)
from identity import assisted, person_keys
from identity.actors import Actor
from identity.models import Account, AccountState, StaffMember
from identity.personal import Vault
from identity.roles import Act, may

FOR_STAFF: Final = (ApplicationState.SUBMITTED, ApplicationState.REVIEW_ASKED)
"""States in which an application waits for staff."""


class InQueue(msgspec.Struct, frozen=True):
    """An application that waits; nothing in it tells whose it is but their account number."""

    row: Application
    number: str


class HeldBy(msgspec.Struct, frozen=True):
    """A colleague was first."""

    who: str
    until: datetime


class Barred(StrEnum):
    """Why somebody may not look after an application."""

    GONE = "gone"
    OWN_ACCOUNT = "own-account"
    FIRST_DECIDER = "first-decider"
    NOT_A_COLLEAGUE = "not-a-colleague"


async def queue(session: AsyncSession, *, scheme: str = "", limit: int = 50) -> Sequence[InQueue]:
    """Who waits for staff, those who sent their application first at the top."""
    query = (
        select(Application, Account.number)
        .join(Account, Account.id == Application.account_id)
        .where(Application.state.in_(FOR_STAFF), Account.state == AccountState.ACTIVE)
        .order_by(Application.submitted_at, Application.id)
        .limit(limit)
    )
    if scheme:
        query = query.where(Application.scheme == scheme)
    return tuple(InQueue(row, number) for row, number in await session.execute(query))


async def waiting_by_scheme(session: AsyncSession) -> Sequence[tuple[str, int]]:
    """How many wait for staff, by scheme."""
    query = (
        select(Application.scheme, func.count(Application.id))
        .join(Account, Account.id == Application.account_id)
        .where(Application.state.in_(FOR_STAFF), Account.state == AccountState.ACTIVE)
        .group_by(Application.scheme)
        .order_by(Application.scheme)
    )
    return tuple((scheme, count) for scheme, count in await session.execute(query))


async def find(session: AsyncSession, application_id: UUID) -> Application | None:
    """An application that staff may see: one that was sent, of somebody who is still here."""
    row = await session.get(Application, application_id)
    if row is None or row.submitted_at is None:
        return None
    account = await session.get(Account, row.account_id)
    return row if account is not None and account.state is AccountState.ACTIVE else None


def is_held_by(row: Application, actor: Actor, now: datetime) -> bool:
    """Whether somebody looks after an application at this moment."""
    return row.claimed_by == actor.id and row.claimed_until is not None and now < row.claimed_until


def held_now(row: Application, now: datetime) -> HeldBy | None:
    """Who looks after it at this moment."""
    if row.claimed_by is None or row.claimed_until is None or row.claimed_until <= now:
        return None
    return HeldBy(row.claimed_label or "", row.claimed_until)


async def why_barred(session: AsyncSession, row: Application, staff_id: UUID) -> Barred | None:
    """Why a member of staff may not decide an application, whatever their role."""
    if row.state not in FOR_STAFF:
        return Barred.GONE
    if await assisted.is_own_account(session, staff_id, row.account_id):
        return Barred.OWN_ACCOUNT
    refused = select(ApplicationEvent.id).where(
        ApplicationEvent.application_id == row.id,
        ApplicationEvent.what == Happened.REFUSED.value,
        ApplicationEvent.by_id == str(staff_id),
    )
    return Barred.FIRST_DECIDER if await session.scalar(refused) is not None else None


async def claim(
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    *,
    life: timedelta,
    actor: Actor,
    now: datetime,
) -> Application | HeldBy | Barred:
    """Look after an application from now on. Of two who claim at once one has it.

    Args:
        session: the transaction.
        vault: seals what is noted.
        application_id: which.
        life: after that it is free again, unless it is claimed once more.
        actor: who claims it.
        now: when.
    """
    row = await _still_here(session, application_id)
    if row is None:
        return Barred.GONE
    if barred := await why_barred(session, row, UUID(actor.id)):
        return barred
    is_new = not is_held_by(row, actor, now)
    taking = (
        update(Application)
        .where(
            Application.id == application_id,
            Application.state.in_(FOR_STAFF),
            (Application.claimed_by.is_(None))
            | (Application.claimed_by == actor.id)
            | (Application.claimed_until <= now),
        )
        .values(claimed_by=actor.id, claimed_label=actor.label, claimed_until=now + life)
        .returning(Application.id)
    )
    done = await session.execute(taking, execution_options={"synchronize_session": False})
    taken = done.scalar() is not None
    await session.refresh(row)
    if not taken:
        return held_now(row, now) or Barred.GONE
    if is_new:
        await _note(session, vault, row, Happened.CLAIMED, actor=actor, now=now)
    return row


async def release(
    session: AsyncSession, vault: Vault, application_id: UUID, *, actor: Actor, now: datetime
) -> bool:
    """Let go of an application, so that anybody may claim it; whether one had it."""
    row = await _still_here(session, application_id)
    if row is None or not is_held_by(row, actor, now):
        return False
    free(row)
    await session.flush()
    await _note(session, vault, row, Happened.NOTED, actor=actor, now=now)
    return True


async def hand_over(
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    to: UUID,
    *,
    life: timedelta,
    actor: Actor,
    now: datetime,
) -> Application | Barred:
    """Hand an application one looks after to a colleague who may decide it."""
    row = await _still_here(session, application_id)
    if row is None or not is_held_by(row, actor, now):
        return Barred.GONE
    colleague = await session.get(StaffMember, to)
    if colleague is None or colleague not in await colleagues(session, row):
        return Barred.NOT_A_COLLEAGUE
    if barred := await why_barred(session, row, to):
        return barred
    row.claimed_by, row.claimed_label = str(to), colleague.name
    row.claimed_until = now + life
    await session.flush()
    await _note(session, vault, row, Happened.HANDED_OVER, actor=actor, now=now)
    return row


async def colleagues(session: AsyncSession, row: Application) -> Sequence[StaffMember]:
    """Members of staff whose role may decide this application, by name."""
    act = act_for(row)
    everybody = select(StaffMember).order_by(StaffMember.name)
    found = await session.scalars(everybody.where(StaffMember.active.is_(True)))
    return tuple(one for one in found if may(one.role, act))


def act_for(row: Application) -> Act:
    """What deciding it takes: a review is for those who may review."""
    reviewed = row.state is ApplicationState.REVIEW_ASKED
    return Act.REVIEW_APPLICATION if reviewed else Act.DECIDE_APPLICATION


def free(row: Application) -> None:
    """Nobody looks after it."""
    row.claimed_by = row.claimed_label = row.claimed_until = None


async def _still_here(session: AsyncSession, application_id: UUID) -> Application | None:
    """The application as it is in the database now, after whoever changes it has finished."""
    return await session.get(
        Application, application_id, populate_existing=True, with_for_update=True
    )


async def _note(
    session: AsyncSession,
    vault: Vault,
    row: Application,
    what: Happened,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    personal = await person_keys.for_writing(session, vault, row.account_id)
    records.note(session, personal, row, what, actor=actor, now=now)
    await session.flush()
