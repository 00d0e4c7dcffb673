"""A member of staff acts for a resident: openly, for a while, and never signed in as them.

An assisted session belongs to one staff sign-in and one resident. It opens no resident session and
holds no resident credential; what it gives is a `Basis`, which every row of the trail then carries.
It is worth nothing once its time is over or the staff sign-in has ended, whether or not somebody
has written down that it ended; `assisted_ends` does.
Source: UK GDPR Article 5(1)(a) and (f), transparency and integrity.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import assisted_ends, audit, names, person_keys, sealed
from identity.actors import Actor, Basis
from identity.db import new_id
from identity.errors import InvalidDetails, NoSuchAccount, NoSuchStaff
from identity.models import Account, AccountState, OwnAccount, StaffMember
from identity.personal import Vault
from identity.roles import Act, may
from identity.sessions import SignedInSession
from identity.trail_models import AssistedEnd, AssistedSession, AssistReason, Presence

LONGEST_NOTE: Final = 200
_TABLE: Final = AssistedSession.__tablename__
_Choice = TypeVar("_Choice", bound=StrEnum)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it was filled in.

    Attributes:
        reason: code of an `AssistReason`.
        note: more about it; needed for `other`.
        presence: code of a `Presence`.
    """

    reason: str
    note: str = ""
    presence: str


class Assistance(msgspec.Struct, frozen=True, kw_only=True):
    """An assisted session that is open.

    Attributes:
        account_id: the resident it is for.
        number: of their account.
        name: theirs, for whoever acts for them.
        reason: why.
        presence: how they are present.
        expires_at: when it ends on its own.
        actor: the member of staff, with this as the basis of what they do.
    """

    account_id: UUID
    number: str
    name: str
    reason: AssistReason
    presence: Presence
    expires_at: datetime
    actor: Actor

    def minutes_left(self, now: datetime) -> int:
        """Whole minutes until it ends, counting the one that has begun."""
        return -((now - self.expires_at) // timedelta(minutes=1))


class WhyNotOpened(StrEnum):
    """Why nobody may act for this resident now."""

    OWN_ACCOUNT = "own-account"
    PROTECTED = "protected"
    CLOSED = "closed"


class NotOpened(msgspec.Struct, frozen=True):
    """No session was opened."""

    reason: WhyNotOpened


async def open_for(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    wanted: Wanted,
    *,
    own: SignedInSession,
    life: timedelta,
    now: datetime,
) -> Basis | NotOpened:
    """Begin to act for a resident. Another resident's session of the same clerk ends.

    Args:
        session: the transaction.
        vault: seals the note.
        account_id: the resident.
        wanted: why, and how they are present.
        own: the sign-in of the member of staff; their role is one that may.
        life: how long it lasts at most.
        now: when.

    Raises:
        InvalidDetails: faults by field: `reason`, `note`, `presence`; nothing is stored.
        ValueError: `own` is a resident's sign-in.
        NoSuchAccount: no account with that id.
        PersonErased: the record was erased.
    """
    reason, note, presence = _checked(wanted)
    if own.role is None:
        raise ValueError("Only a member of staff acts for a resident.")
    account = await session.get(Account, account_id)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    person_keys.refuse_erased(account)
    # Two tabs take turns: nobody has two open at once.
    await session.get(StaffMember, own.subject_id, with_for_update=True)
    if (why := await _why_not(session, account, own)) is not None:
        return NotOpened(why)
    served = await _served(session, own)
    ended = AssistedEnd.CLERK if served == account_id else AssistedEnd.ANOTHER_RESIDENT
    await assisted_ends.end_open(session, own.subject_id, ended, actor=own.actor, now=now)
    row_id = new_id()
    personal = await person_keys.for_writing(session, vault, account_id)
    session.add(
        AssistedSession(
            id=row_id,
            staff_id=own.subject_id,
            staff_label=own.actor.label,
            role=own.role,
            session_id=own.session_id,
            account_id=account_id,
            reason=reason,
            sealed_note=personal.seal(_TABLE, "sealed_note", row_id, note) if note else None,
            presence=presence,
            opened_at=now,
            expires_at=now + life,
        )
    )
    await session.flush()
    basis = Basis(row_id, account_id, reason.value, presence.value)
    subject = audit.subject_of("account", account_id)
    actor = msgspec.structs.replace(own.actor, basis=basis)
    audit.record(session, "assisted-session-opened", subject, actor=actor, now=now)
    return basis


async def current(
    session: AsyncSession, vault: Vault, own: SignedInSession, *, now: datetime
) -> Assistance | None:
    """The assisted session that is open in a staff sign-in; None if there is none.

    It is worth nothing either while the resident is recorded as deceased, or protected from the
    role.
    """
    found = await session.execute(
        select(AssistedSession, Account)
        .join(Account, Account.id == AssistedSession.account_id)
        .where(
            AssistedSession.staff_id == own.subject_id,
            AssistedSession.session_id == own.session_id,
            AssistedSession.ended_at.is_(None),
            AssistedSession.expires_at > now,
        )
    )
    pair = found.one_or_none()
    if pair is None or _is_out_of_reach(pair[1], own):
        return None
    row, account = pair
    personal = await person_keys.for_reading(session, vault, account.id)
    return Assistance(
        account_id=account.id,
        number=account.number,
        name=names.full(*sealed.names_of(personal, account)),
        reason=row.reason,
        presence=row.presence,
        expires_at=row.expires_at,
        actor=msgspec.structs.replace(
            own.actor, basis=Basis(row.id, account.id, row.reason.value, row.presence.value)
        ),
    )


async def set_own_account(
    session: AsyncSession, staff_id: UUID, number: str, *, actor: Actor, now: datetime
) -> None:
    """Say which account a member of staff has as a resident; an empty number: none.

    Raises:
        InvalidDetails: `number` is no account's.
        NoSuchStaff: nobody has that id.
    """
    number = "".join(number.split())
    if await session.get(StaffMember, staff_id) is None:
        raise NoSuchStaff("There is no such member of staff.")
    account_id = await session.scalar(select(Account.id).where(Account.number == number))
    if number and account_id is None:
        raise InvalidDetails({"number": "Check the account number: there is no such account"})
    row = await session.get(OwnAccount, staff_id, with_for_update=True)
    if row is not None and account_id is None:
        await session.delete(row)
    elif row is not None and account_id is not None:
        row.account_id = account_id
    elif account_id is not None:
        session.add(OwnAccount(staff_id=staff_id, account_id=account_id))
    await session.flush()
    subject, detail = audit.subject_of("staff", staff_id), {"has": account_id is not None}
    audit.record(session, "staff-own-account-set", subject, actor=actor, now=now, detail=detail)


async def is_own_account(session: AsyncSession, staff_id: UUID, account_id: UUID) -> bool:
    """Whether a member of staff is the resident whose account it is, as far as that was noted."""
    mine = await session.get(OwnAccount, staff_id)
    return mine is not None and mine.account_id == account_id


async def _served(session: AsyncSession, own: SignedInSession) -> UUID | None:
    """Whom the member of staff acts for until now."""
    open_one = select(AssistedSession.account_id).where(
        AssistedSession.staff_id == own.subject_id, AssistedSession.ended_at.is_(None)
    )
    return await session.scalar(open_one)


async def _why_not(
    session: AsyncSession, account: Account, own: SignedInSession
) -> WhyNotOpened | None:
    if account.state is not AccountState.ACTIVE:
        return WhyNotOpened.CLOSED
    if await is_own_account(session, own.subject_id, account.id):
        return WhyNotOpened.OWN_ACCOUNT
    return WhyNotOpened.PROTECTED if _is_out_of_reach(account, own) else None


def _is_out_of_reach(account: Account, own: SignedInSession) -> bool:
    hidden = account.address_protected and not may(own.role, Act.SEE_PROTECTED_ADDRESS)
    return hidden or account.state is not AccountState.ACTIVE


def _checked(wanted: Wanted) -> tuple[AssistReason, str, Presence]:
    faults: dict[str, str] = {}
    reason = _chosen(AssistReason, wanted.reason)
    presence = _chosen(Presence, wanted.presence)
    note = names.tidy(wanted.note)
    if reason is None:
        faults["reason"] = "Select why you act for them"
    if reason is AssistReason.OTHER and not note:
        faults["note"] = "Say why you act for them"
    elif len(note) > LONGEST_NOTE:
        faults["note"] = f"What you say must be {LONGEST_NOTE} characters or fewer"
    elif note and not names.is_printable(note):
        faults["note"] = names.UNPRINTABLE
    if presence is None:
        faults["presence"] = "Select how they are present"
    if faults or reason is None or presence is None:
        raise InvalidDetails(faults)
    return reason, note, presence


def _chosen(choices: type[_Choice], typed: str) -> _Choice | None:
    return next((choice for choice in choices if choice.value == typed), None)
