"""A member of staff changes their own password; every other sign-in of theirs ends."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, open_sessions, passwords, staff_contact
from identity.errors import InvalidDetails
from identity.models import StaffMember
from identity.personal import Vault
from identity.sessions import SignedInSession

_CHANGED: Final = (
    "Your password as a member of staff of Kent Card was changed. Every other sign-in of yours has "
    "ended."
)


async def change(
    session: AsyncSession,
    vault: Vault,
    staff: StaffMember,
    password: str,
    *,
    own: SignedInSession,
    now: datetime,
) -> None:
    """Set the password of whoever is signed in and has just shown who they are.

    Raises:
        InvalidDetails: a fault in `password`.
    """
    context = passwords.words_about(staff.username, staff.name)
    if fault := passwords.fault_in(password, context=context):
        raise InvalidDetails({"password": fault})
    staff.password_hash = await passwords.hash_password(password)
    await open_sessions.end_others(session, own, now=now)
    subject = audit.subject_of("staff", staff.id)
    audit.record(session, "staff-password-changed", subject, actor=own.actor, now=now)
    staff_contact.tell(session, vault, staff, _CHANGED, now=now)
