"""Telling a resident of something about their account, at every address the account has."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from identity import outbox, person_keys, sealed
from identity.models import Account
from identity.personal import Vault


async def tell(
    session: AsyncSession, vault: Vault, account: Account, kind: str, text: str, *, now: datetime
) -> bool:
    """Queue a message to every address of an account. False: it has none."""
    personal = await person_keys.for_reading(session, vault, account.id)
    contacts = sealed.contacts_of(personal, account)
    for to in contacts:
        outbox.queue(session, vault, to.value, kind, text, now=now)
    return bool(contacts)


async def tell_sign_in_changed(
    session: AsyncSession, vault: Vault, account: Account, what: str, *, now: datetime
) -> None:
    """Tell a resident that how they sign in was changed, and what to do if it was not them.

    Args:
        session: the caller's transaction.
        vault: opens the addresses.
        account: whose sign-in it is.
        what: was changed, in whole sentences.
        now: when.

    Source: NIST SP 800-63B-4 section 4.6; OWASP ASVS 5.0, 6.3.7.
    """
    await tell(session, vault, account, "sign-in-changed", what + _IF_NOT, now=now)


_IF_NOT: Final = (
    "\n\nIf it was you, you do not need to do anything.\nIf it was not, sign in, choose “Your "
    "sign-ins” and end every other sign-in, or go to a Kent Gateway with a document that shows "
    "who you are."
)
