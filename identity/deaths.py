"""A death is reported, and may turn out to be a false report; two people decide either."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity import activation, audit, four_eyes, outbox, person_keys, sealed, sessions
from identity.actors import Actor
from identity.dates import london_date, parse_date
from identity.errors import InvalidDetails, NoSuchAccount, WrongAccountState
from identity.models import Account, AccountState, ChangeRequest, RequestKind
from identity.personal import Vault
from identity.signin_models import SessionKind


class DeathEvidence(StrEnum):
    """What shows that somebody has died."""

    DEATH_CERTIFICATE = "death-certificate"
    CORONERS_CERTIFICATE = "coroners-certificate"
    TELL_US_ONCE = "tell-us-once"


class DeathReported(msgspec.Struct, frozen=True):
    """What a request to record a death holds."""

    died_on: date
    evidence: DeathEvidence


class FalseReport(msgspec.Struct, frozen=True):
    """What a request to undo it holds."""

    reason: str


async def report(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    died_on: date | str,
    evidence: str,
    *,
    actor: Actor,
    now: datetime,
) -> ChangeRequest:
    """Ask that a death be recorded. Nothing ends until somebody else approves it.

    Raises:
        InvalidDetails: faults by field: `died_on`, `evidence`.
        NoSuchAccount: no account with that id.
        RequestWaits: another request for the account waits already.
        WrongAccountState: it is recorded already.
    """
    await _account(session, account_id, AccountState.ACTIVE)
    faults: dict[str, str] = {}
    day = died_on if isinstance(died_on, date) else parse_date(died_on)
    shown = next((kind for kind in DeathEvidence if kind.value == evidence), None)
    if day is None:
        faults["died_on"] = "Enter the date of death, like 31/07/2026"
    elif day > london_date(now):
        faults["died_on"] = "The date of death must not be in the future"
    if shown is None:
        faults["evidence"] = "Select what shows the death"
    if faults or day is None or shown is None:
        raise InvalidDetails(faults)
    asked, kind = DeathReported(day, shown), RequestKind.DEATH
    return await four_eyes.ask(session, vault, account_id, kind, asked, actor=actor, now=now)


async def report_false(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
) -> ChangeRequest:
    """Ask that a death be undone, because the report of it was false.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        NoSuchAccount: no account with that id.
        RequestWaits: another request for the account waits already.
        WrongAccountState: no death is recorded.
    """
    await _account(session, account_id, AccountState.CLOSED)
    asked = FalseReport(four_eyes.checked_reason(reason))
    kind = RequestKind.FALSE_REPORT
    return await four_eyes.ask(session, vault, account_id, kind, asked, actor=actor, now=now)


async def close(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Close the account of somebody who died: its sessions end and its waiting post is withdrawn.

    Raises:
        NoSuchAccount: no account with that id.
        WrongAccountState: it is closed already.
    """
    account = await _account(session, account_id, AccountState.ACTIVE)
    account.state = AccountState.CLOSED
    await session.flush()
    await sessions.end_all(session, account_id, SessionKind.RESIDENT, actor=actor, now=now)
    await activation.end(session, account_id, now=now)
    personal = await person_keys.for_reading(session, vault, account_id)
    contacts = [contact.value for contact in sealed.contacts_of(personal, account)]
    detail = {"messages": await outbox.withdraw(session, vault, *contacts)}
    subject = audit.subject_of("account", account_id)
    audit.record(session, "death-recorded", subject, actor=actor, now=now, detail=detail)


async def reopen(session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Open the account again after a false report. The resident signs in anew.

    Raises:
        NoSuchAccount: no account with that id.
        WrongAccountState: it is not closed.
    """
    account = await _account(session, account_id, AccountState.CLOSED)
    account.state = AccountState.ACTIVE
    await session.flush()
    subject = audit.subject_of("account", account_id)
    audit.record(session, "death-undone", subject, actor=actor, now=now)


async def _account(session: AsyncSession, account_id: UUID, expected: AccountState) -> Account:
    account = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    person_keys.refuse_erased(account)
    if account.state is not expected:
        raise WrongAccountState(
            "This resident is recorded as deceased already."
            if expected is AccountState.ACTIVE
            else "No death is recorded for this resident."
        )
    return account
