"""Where members of staff are reached: a work e-mail address that an administrator notes."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, outbox, staff_access
from identity.actors import Actor
from identity.details import LONGEST_EMAIL, can_be_email, tidy_email
from identity.errors import InvalidDetails
from identity.models import StaffMember
from identity.personal import Vault

_TABLE: Final = StaffMember.__tablename__
_COLUMN: Final = "sealed_email"
_IF_NOT: Final = "\n\nIf that is wrong, tell an administrator at once."


def email_of(vault: Vault, member: StaffMember) -> str:
    """Somebody's work address; empty when none is noted.

    Raises:
        SealBroken: it was changed, or belongs to somebody else.
    """
    sealed = member.sealed_email
    return "" if sealed is None else vault.open(_TABLE, _COLUMN, member.id, sealed)


async def set_email(
    session: AsyncSession,
    vault: Vault,
    staff_id: UUID,
    email: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Note the work address of a colleague. It is told at the old address and at the new one.

    Raises:
        InvalidDetails: a fault in `email`; an empty one is one.
        NoSuchStaff: nobody has that id.
        OwnAccess: it is the actor themselves.
    """
    address = tidy_email(email)
    if len(address) > LONGEST_EMAIL or not can_be_email(address):
        raise InvalidDetails(
            {"email": "Enter an e-mail address in the correct format, like name@example.com"}
        )
    member = await staff_access.other(session, staff_id, actor)
    if email_of(vault, member) == address:
        return
    what = "Messages about how you sign in to Kent Card as a member of staff go to another address."
    tell(session, vault, member, what, now=now)
    member.sealed_email = vault.seal(_TABLE, _COLUMN, member.id, address)
    what = "Messages about how you sign in to Kent Card as a member of staff come here from now on."
    tell(session, vault, member, what, now=now)
    subject = audit.subject_of("staff", member.id)
    audit.record(session, "staff-email-changed", subject, actor=actor, now=now)


def tell(
    session: AsyncSession, vault: Vault, member: StaffMember, what: str, *, now: datetime
) -> bool:
    """Tell somebody how their sign-in changed. False: no address of theirs is noted.

    Args:
        session: the caller's transaction.
        vault: opens the address.
        member: whose sign-in it is.
        what: was changed, in whole sentences.
        now: when.

    Source: OWASP ASVS 5.0, 6.3.7.
    """
    to = email_of(vault, member)
    if to:
        outbox.queue(session, vault, to, "staff-sign-in-changed", what + _IF_NOT, now=now)
    return bool(to)
