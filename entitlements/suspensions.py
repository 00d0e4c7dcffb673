"""Staff suspend what a resident was given, and end the suspension; the resident is told."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import grants
from entitlements.grant_states import GrantState
from entitlements.grants import SuspendReason
from identity import notices
from identity.actors import Actor
from identity.models import Account, AccountState
from identity.personal import Vault


async def suspend(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    grant_id: UUID,
    reason: SuspendReason,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Have readers refuse what was given, until the suspension ends.

    Raises:
        GrantMoveRefused: it is not in use.
        NoSuchGrant: it is not this resident's.
    """
    await _move(
        session, vault, account_id, grant_id, GrantState.SUSPENDED, reason, actor=actor, now=now
    )


async def resume(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    grant_id: UUID,
    reason: SuspendReason,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Have readers accept it again; the caller decides anew for the resident.

    Raises:
        GrantMoveRefused: it is not suspended.
        NoSuchGrant: it is not this resident's.
    """
    await _move(
        session, vault, account_id, grant_id, GrantState.GRANTED, reason, actor=actor, now=now
    )


async def _move(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    grant_id: UUID,
    to: GrantState,
    reason: SuspendReason,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    await grants.lock_holder(session, account_id)
    given = await grants.own(session, account_id, grant_id)
    await grants.move(session, given, to, actor=actor, now=now, reason=reason)
    account = await session.get_one(Account, account_id)
    if account.state is AccountState.ACTIVE:
        kind = f"entitlement-{'suspended' if to is GrantState.SUSPENDED else 'resumed'}"
        await notices.tell(session, vault, account, kind, _MESSAGES[to], now=now)


_WHERE: Final = "Sign in to your account and choose “What you were given so far” to read more."
_MESSAGES: Final = {
    GrantState.SUSPENDED: f"Something on your Kent Card was suspended. {_WHERE}",
    GrantState.GRANTED: f"Something on your Kent Card can be used again. {_WHERE}",
}
