"""What the worker does, again and again, for residents, taps and the sites people sign in to."""

from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import structlog

from cardservice import taps
from cardservice.database import Database
from entitlements import applications
from identity import assisted_ends, audit_batches, network_limit, outbox
from identity.actors import SYSTEM
from identity.oidc import logout_notices, retention
from identity.oidc.provider import Provider
from identity.personal import Vault
from readers.contract.windows import london_date

_LOG: Final = structlog.get_logger(__name__)


class Reassessed(msgspec.Struct, frozen=True):
    """How a run went: residents decided for, and residents whose decision failed."""

    decided: int
    failed: int


async def reassess_due(database: Database, vault: Vault, *, now: datetime) -> Reassessed:
    """Decide again for every resident whose answer may have changed by today.

    Each resident is a transaction: a run that is broken off goes on where it stopped, and one
    resident's fault keeps nobody else from theirs.
    """
    decided = failed = 0
    after: UUID | None = None
    while True:
        async with database.transaction() as session:
            page = await applications.due(session, london_date(now), after=after)
        if not page:
            return Reassessed(decided, failed)
        for account_id in page:
            if await _reassess(database, vault, account_id, now):
                decided += 1
            else:
                failed += 1
        after = page[-1]


async def deliver_messages(
    database: Database, vault: Vault, directory: Path, *, now: datetime
) -> int:
    """Write every waiting message into the outbox directory; how many that were.

    Raises:
        OSError: the directory cannot be written; the messages go on waiting.
    """
    delivered = 0
    while True:
        async with database.transaction() as session:
            batch = await outbox.deliver(session, vault, directory, now=now)
        delivered += batch
        if not batch:
            return delivered


async def seal_taps(database: Database, *, now: datetime) -> int:
    """Seal every tap that is stored and not sealed yet; how many that were.

    Each batch is a transaction.
    """
    done = 0
    while True:
        async with database.transaction() as session:
            sealed = await audit_batches.seal(session, taps.STREAM, now=now)
        if isinstance(sealed, audit_batches.NothingToSeal):
            return done
        done += sealed.rows


async def tell_sites(
    database: Database, provider: Provider, http: httpx.AsyncClient, *, now: datetime
) -> int:
    """Tell sites whose sessions ended; how many took the notice. Others are told again later."""
    async with database.transaction() as session:
        await logout_notices.note_ended_sessions(session, now=now)
    return await logout_notices.deliver(database.transaction, provider, http, now=now)


async def end_assistance(database: Database, *, now: datetime) -> int:
    """Write down which assisted sessions ended by time or with their sign-in; how many."""
    async with database.transaction() as session:
        return await assisted_ends.note_ends(session, now=now)


async def forget_expired(database: Database, *, now: datetime) -> None:
    """Remove what is of no use any more: `identity.oidc.retention` and networks' failures."""
    async with database.transaction() as session:
        await retention.forget(session, now=now)
        await network_limit.forget_expired(session, now=now)


async def _reassess(database: Database, vault: Vault, account_id: UUID, now: datetime) -> bool:
    try:
        async with database.transaction() as session:
            await applications.assess(session, vault, account_id, actor=SYSTEM, now=now)
    except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
        _LOG.exception("reassessment failed", account=str(account_id))
        return False
    return True
