"""A member of staff who forgot their password chooses another, with a code sent to their address.

They ask for it themselves, or an administrator starts it, who learns neither code nor password and
chooses none. The code is good once and for ten minutes, and opens nothing: it sets a password, and
the second factor is asked for after that as always. So whoever has no second factor yet cannot ask
for themselves: reading somebody's mail would be all it takes.
Source: OWASP ASVS 5.0, 6.4.3, 6.4.6, 6.3.8; NIST SP 800-63B-4 section 4.2.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, codes, passwords, staff, staff_access, staff_contact, staff_factor
from identity.actors import SYSTEM, Actor, staff_actor
from identity.codes import CodeRefused, CodeSent, WhyCodeRefused
from identity.contacts import Channel, CodeUse, Contact
from identity.devices import Browser
from identity.errors import InvalidDetails, NoWorkAddress
from identity.models import StaffMember
from identity.personal import Vault
from identity.signin_models import StaffTotp

USE: Final = CodeUse.STAFF_PASSWORD
_CHOSEN: Final = (
    "A new password was chosen for your sign-in to Kent Card as a member of staff, with a code "
    "sent to this address. Every sign-in of yours has ended."
)


class PasswordChosen(msgspec.Struct, frozen=True):
    """The new password is set; they sign in with it, and their second factor."""


async def ask(
    session: AsyncSession, vault: Vault, username: str, *, browser: Browser, now: datetime
) -> None:
    """Send a code to whoever has that user name. What is done is the same when nobody has."""
    name = _tidy(username)
    row = (await session.execute(_BY_NAME.where(StaffMember.username == name))).one_or_none()
    member, has_app = (row[0], row[1]) if row else (None, False)
    address = staff_contact.email_of(vault, member) if member and has_app else ""
    sent = await _send(session, vault, name, address, browser, now)
    if sent:
        subject = audit.subject_of("staff", member.id if member else "unknown")
        audit.record(session, "staff-password-code-asked", subject, actor=SYSTEM, now=now)


async def start(
    session: AsyncSession, vault: Vault, staff_id: UUID, *, actor: Actor, now: datetime
) -> bool:
    """Send a code to a colleague, who can use it in any browser.

    Returns:
        Whether it was sent: enough were in the last quarter of an hour otherwise.

    Raises:
        NoSuchStaff: nobody with access has that id.
        NoWorkAddress: none is noted, so that nothing can be sent.
        OwnAccess: it is the actor themselves.
    """
    member = await staff_access.other(session, staff_id, actor)
    address = staff_contact.email_of(vault, member)
    if not address or not member.active:
        raise NoWorkAddress("Note their work e-mail address first, and restore their access.")
    sent = await _send(session, vault, member.username, address, None, now)
    subject, detail = audit.subject_of("staff", member.id), {"sent": sent is not None}
    audit.record(
        session, "staff-password-reset-started", subject, actor=actor, now=now, detail=detail
    )
    return sent is not None


async def choose(
    session: AsyncSession,
    vault: Vault,
    username: str,
    code: str,
    password: str,
    *,
    browser: Browser,
    now: datetime,
) -> PasswordChosen | CodeRefused:
    """Set the password of whoever has the code; every sign-in of theirs ends, and they are told.

    A try is counted whatever comes of it, so the caller commits a refusal as well.

    Raises:
        InvalidDetails: a fault in `password`; the code is still good.
    """
    name = _tidy(username)
    _refuse_guessable(password, name)
    async with session.begin_nested():  # a password that is refused uses no code up
        taken = await codes.take(session, vault, _at(name), USE, code, browser=browser, now=now)
        if isinstance(taken, CodeRefused):
            return taken
        held = _BY_NAME.where(StaffMember.username == name).with_for_update(of=StaffMember)
        member = await session.scalar(held)
        if member is None:
            return CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
        _refuse_guessable(password, name, member.name)
    await _set(session, vault, member, password, now)
    return PasswordChosen()


# Who may sign in, and whether a second factor will be asked of them.
_BY_NAME: Final = select(StaffMember, exists().where(StaffTotp.owner_id == StaffMember.id)).where(
    StaffMember.active
)


async def _set(
    session: AsyncSession, vault: Vault, member: StaffMember, password: str, now: datetime
) -> None:
    member.password_hash = await passwords.hash_password(password)
    actor = staff_actor(member.id, member.name)
    await staff_factor.end_all(session, member, actor=actor, now=now)
    await staff.count_anew(session, member)
    subject = audit.subject_of("staff", member.id)
    audit.record(session, "staff-password-reset", subject, actor=actor, now=now)
    staff_contact.tell(session, vault, member, _CHOSEN, now=now)


async def _send(
    session: AsyncSession,
    vault: Vault,
    name: str,
    address: str,
    browser: Browser | None,
    now: datetime,
) -> CodeSent | None:
    return await codes.send(
        session, vault, _at(name), USE, browser=browser, address=address, now=now
    )


def _refuse_guessable(password: str, *known: str) -> None:
    if fault := passwords.fault_in(password, context=passwords.words_about(*known)):
        raise InvalidDetails({"password": fault})


def _tidy(username: str) -> str:
    return username.strip().casefold()


def _at(name: str) -> Contact:
    """Codes are counted and found by user name, so that one for nobody is like any other."""
    return Contact(Channel.EMAIL, name)
