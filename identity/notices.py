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
    email = sealed.email_of(await person_keys.for_reading(session, vault, account.id), account)
    if email:
        outbox.queue(session, vault, email, kind, text, now=now)
    return bool(email)
