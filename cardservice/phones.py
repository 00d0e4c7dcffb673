"""The phone a resident shows codes on: begun with the first code, ended when it is lost."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle
from cardservice.models import Phone
from entitlements import grants, status
from identity import audit
from identity.actors import Actor
from readers.contract.statuslist import Status


async def in_use(session: AsyncSession, account_id: UUID) -> Phone | None:
    """The resident's phone; None before the first code, and after it was lost."""
    query = select(Phone).where(Phone.account_id == account_id, Phone.ended_at.is_(None))
    return await session.scalar(query)


async def begin(session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime) -> Phone:
    """The resident's phone, from now on if there was none.

    Raises:
        MoveNotAllowed: the account is closed or erased.
        NoSuchAccount: no account with that id.
    """
    await grants.lock_holder(session, account_id)  # two requests at once begin one phone
    await lifecycle.check_holder(session, account_id)
    found = await in_use(session, account_id)
    if found is not None:
        return found
    phone = Phone(account_id=account_id, created_at=now)
    session.add(phone)
    await session.flush()
    subject = audit.subject_of("phone", phone.id)
    audit.record(session, "phone-begun", subject, actor=actor, now=now)
    return phone


async def end(session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Venues refuse every code of the phone for ever, once they have the next lists.

    False: there was no phone to end.
    """
    await grants.lock_holder(session, account_id)
    phone = await in_use(session, account_id)
    if phone is None:
        return False
    phone.ended_at = now
    await session.flush()
    await status.set_carrier_status(session, phone.id, Status.INVALID, actor=actor, now=now)
    audit.record(session, "phone-ended", audit.subject_of("phone", phone.id), actor=actor, now=now)
    return True
