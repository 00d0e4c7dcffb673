"""Telling a resident of something about their account, at every address the account has."""

from datetime import datetime

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
