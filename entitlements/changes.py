"""What changes in a resident's life: recorded once, and everything it bears on decided at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import applications, grants
from identity import addresses
from identity.actors import Actor
from identity.addresses import AddressChange
from identity.personal import Vault


async def move_home(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    asked: AddressChange,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Change a resident's address; decide every scheme anew, and owe their card an update.

    Raises:
        InvalidDetails: every fault of the form; nothing is stored.
        NoSuchAccount: no account with that id.
    """
    await addresses.change(session, vault, account_id, asked, actor=actor, now=now)
    await grants.owe_update(session, account_id)
    await applications.assess(session, vault, account_id, actor=actor, now=now)
