"""A resident's e-mail address is changed for them at a desk.

The address signs its holder in, so it is never changed for a voice on the telephone or a letter,
and whoever has the old one is told. Codes that were sent to the old one stop working, and so do
sign-ins that are open: whoever opened them may be why it is changed.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import accounts, audit, outbox, person_keys, sealed, sessions
from identity.actors import Actor
from identity.details import check_email
from identity.errors import InvalidDetails, NoSuchAccount
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import OneTimeCode, SessionKind
from identity.trail_models import FACE_TO_FACE

_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


async def change(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    typed: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Change the address, or take it away when nothing is typed.

    Raises:
        InvalidDetails: `email` is no address, another account's, the same as before, or the
            resident is not there in person; nothing is stored.
        NoSuchAccount: no account with that id.
    """
    faults: dict[str, str] = {}
    email = check_email(typed, faults)
    if actor.basis is None or actor.basis.presence not in FACE_TO_FACE:
        faults["email"] = (
            "This address signs them in. It is changed only when they are at the desk in person"
        )
    if faults:
        raise InvalidDetails(faults)
    account = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    personal = await person_keys.for_writing(session, vault, account_id)
    before = sealed.email_of(personal, account)
    if email == before:
        raise InvalidDetails({"email": "This is the address we have already"})
    await accounts.refuse_shared_email(session, vault, email)
    sealed.set_email(vault, personal, account, email)
    await session.flush()
    await _end_codes(session, vault, before, now)
    await sessions.end_all(session, account_id, SessionKind.RESIDENT, actor=actor, now=now)
    if before:
        outbox.queue(session, vault, before, "email-changed", _NOTICE, now=now)
    subject, detail = audit.subject_of("account", account_id), {"removed": not email}
    audit.record(session, "email-changed", subject, actor=actor, now=now, detail=detail)


async def _end_codes(session: AsyncSession, vault: Vault, before: str, now: datetime) -> None:
    indexes = vault.blinds("email", before)
    await session.execute(
        update(OneTimeCode)
        .where(OneTimeCode.contact_index.in_(indexes), OneTimeCode.superseded_at.is_(None))
        .values(superseded_at=now),
        **_UNSYNCHRONISED,
    )


_NOTICE: Final = (
    "The e-mail address of your Kent Card account was changed at a council desk. "
    "This address no longer signs you in.\n\n"
    "If you did not ask for this, go to a Kent Gateway or library as soon as you can."
)
