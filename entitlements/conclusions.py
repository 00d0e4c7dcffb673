"""Ending an application: its state, what it leads to, what is told. The one place that does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements import grants
from entitlements.application_models import OPEN, Application, ApplicationState, Happened
from entitlements.decision import Decision, Eligible, NotEligible, Truth
from entitlements.errors import ApplicationClosed
from entitlements.grant_states import GIVEN, GrantState
from entitlements.grants import EndReason
from entitlements.models import Grant
from entitlements.schemes.dates import in_words
from identity import notices, person_keys
from identity.actors import Actor
from identity.models import Account, AccountState
from identity.personal import Vault

_CONCLUDABLE: Final = OPEN | {ApplicationState.REVIEW_ASKED}
_MESSAGE: Final = (
    "We have decided your application {reference}.\n\n"
    "Sign in to your Kent Card account and choose “Your requests” to read what we decided and why."
)


async def grant(
    session: AsyncSession,
    vault: Vault,
    row: Application,
    decision: Eligible,
    *,
    words: Sequence[str] = (),
    actor: Actor,
    now: datetime,
) -> Grant:
    """Grant what was applied for, close the application and tell the resident.

    Args:
        session: the transaction.
        vault: seals what is told.
        row: the application.
        decision: what is granted.
        words: what the resident is told; by default what the decision says.
        actor: who decided.
        now: when.

    Raises:
        ApplicationClosed: it is decided or withdrawn already.
    """
    _refuse_closed(row)
    held = (await grants.open_by_scheme(session, row.account_id)).get(row.scheme)
    if held is None or held.state not in GIVEN:
        given = grants.grant(session, row.account_id, decision, before=held, actor=actor, now=now)
        held = await given
    row.grant_id = held.id
    told = tuple(words) or told_of(decision)
    await _close(session, vault, row, ApplicationState.GRANTED, told, actor=actor, now=now)
    return held


async def refuse(
    session: AsyncSession,
    vault: Vault,
    row: Application,
    words: Sequence[str],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Refuse an application, with the reasons the resident is told.

    Raises:
        ApplicationClosed: it is decided or withdrawn already.
    """
    _refuse_closed(row)
    await _drop_applied(session, row, EndReason.REFUSED, actor=actor, now=now)
    await _close(session, vault, row, ApplicationState.REFUSED, words, actor=actor, now=now)


async def withdraw(
    session: AsyncSession, vault: Vault, row: Application, *, actor: Actor, now: datetime
) -> None:
    """Close an application because its resident says so.

    Raises:
        ApplicationClosed: it is decided or withdrawn already.
    """
    _refuse_closed(row)
    await _drop_applied(session, row, EndReason.WITHDRAWN, actor=actor, now=now)
    await _close(session, vault, row, ApplicationState.WITHDRAWN, (), actor=actor, now=now)


async def follow(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    decision: Decision,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Close the application that waits for what the rule now answers by itself, if there is one.

    Returns:
        Whether there was one.
    """
    query = select(Application).where(
        Application.account_id == account_id,
        Application.scheme == decision.scheme,
        Application.state.in_((ApplicationState.SUBMITTED, ApplicationState.EVIDENCE_WANTED)),
    )
    row = await session.scalar(query.with_for_update())
    if row is None:
        return False
    match decision:
        case Eligible():
            await grant(session, vault, row, decision, actor=actor, now=now)
        case NotEligible():
            await refuse(session, vault, row, told_of(decision), actor=actor, now=now)
        case _:
            return False
    return True


def told_of(decision: Decision) -> tuple[str, ...]:
    """What a resident is told of a decision by rule: why, why not, from when."""
    match decision:
        case Eligible():
            return tuple(step.why for step in decision.trace if step.outcome is Truth.YES)
        case NotEligible(eligible_from=day):
            later = f"If nothing else changes, you can have it from {in_words(day)}." if day else ""
            return (*decision.reasons, *([later] if later else ()))
        case _:
            return tuple(step.why for step in decision.trace if step.outcome is Truth.UNKNOWN)


def _refuse_closed(row: Application) -> None:
    if row.state not in _CONCLUDABLE:
        raise ApplicationClosed(f"Application {row.reference} is {row.state} already.")


async def _drop_applied(
    session: AsyncSession, row: Application, reason: EndReason, *, actor: Actor, now: datetime
) -> None:
    held = (await grants.open_by_scheme(session, row.account_id)).get(row.scheme)
    if held is not None and held.state is GrantState.APPLIED:
        await grants.end(session, held, reason, actor=actor, now=now)


async def _close(
    session: AsyncSession,
    vault: Vault,
    row: Application,
    state: ApplicationState,
    words: Sequence[str],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    personal = await person_keys.for_writing(session, vault, row.account_id)
    row.state, row.closed_at = state, now
    row.submitted_at = row.submitted_at or (
        now if state is not ApplicationState.WITHDRAWN else None
    )
    if words:
        records.set_outcome(personal, row, words)
    records.note(session, personal, row, Happened(state.value), actor=actor, now=now)
    await session.flush()
    if state is not ApplicationState.WITHDRAWN:
        await _tell(session, vault, row, now=now)


async def _tell(session: AsyncSession, vault: Vault, row: Application, *, now: datetime) -> None:
    account = await session.get_one(Account, row.account_id)
    if account.state is not AccountState.ACTIVE:
        return  # nothing is sent to the dead
    text = _MESSAGE.format(reference=row.reference)
    await notices.tell(session, vault, account, "application-decided", text, now=now)
