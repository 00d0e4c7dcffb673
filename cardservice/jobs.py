"""What the worker does, again and again, for messages, taps and the sites people sign in to."""

from datetime import datetime
from pathlib import Path

import httpx

from cardservice import taps
from cardservice.database import Database
from identity import audit_batches, outbox
from identity.oidc import logout_notices, requests, spent
from identity.oidc.provider import Provider
from identity.personal import Vault


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


async def forget_expired(database: Database, *, now: datetime) -> None:
    """Remove requests of sites that nobody can continue, and identifiers that are spent."""
    async with database.transaction() as session:
        await requests.forget_expired(session, now=now)
        await spent.forget_expired(session, now=now)
