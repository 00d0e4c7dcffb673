"""What the worker does, again and again, for residents, taps and the sites people sign in to."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import structlog

from cardservice import erasing, retention, taps
from cardservice.database import Database
from cardservice.holdings.people import DECEASED_KEPT, MESSAGES_KEPT
from entitlements import applications
from identity import assisted_ends, audit_batches, erasure, network_limit, outbox
from identity.actors import SYSTEM
from identity.models import ErasureBasis
from identity.oidc import logout_notices
from identity.oidc import retention as oidc_retention
from identity.oidc.provider import Provider
from identity.personal import Vault
from readers.contract.windows import london_date

_LOG: Final = structlog.get_logger(__name__)


class Reassessed(msgspec.Struct, frozen=True):
    """How a run went: residents decided for, and residents whose decision failed."""

    decided: int
    failed: int


class Erasures(msgspec.Struct, frozen=True):
    """How a run went: records erased, and records whose erasure failed and will be tried again."""

    done: int
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


async def erase_due(
    database: Database, vault: Vault, directory: Path, *, now: datetime
) -> Erasures:
    """Erase every record whose time has come, those of people who died long ago among them.

    Each person is a transaction; one person's fault keeps nobody else from being erased. Their
    written messages go once that is committed.

    Raises:
        OSError: a written message cannot be removed.
    """
    await _ask_for_deceased(database, vault, now=now)
    done, failed = 0, set[UUID]()
    while True:
        async with database.transaction() as session:
            page = [one for one in await erasure.due(session, now=now) if one not in failed]
        for account_id in page:
            if (erased := await _erase(database, vault, account_id, now)) is None:
                failed.add(account_id)
            else:
                done += 1
                await asyncio.to_thread(outbox.remove_files, directory, erased.files)
        if not page:
            return Erasures(done, len(failed))


async def apply_retention(database: Database, directory: Path, *, now: datetime) -> int:
    """Remove what is kept for too long, from the database and the outbox; how much that was.

    Raises:
        OSError: a written message cannot be removed.
    """
    removed = 0
    async for over in retention.run(database.transaction, now=now):
        _LOG.info("retention", table=over.table, rows=over.rows)
        removed += over.rows
    old = await asyncio.to_thread(outbox.written_before, directory, now - MESSAGES_KEPT)
    await asyncio.to_thread(outbox.remove_files, directory, old)
    return removed + len(old)


async def forget_expired(database: Database, *, now: datetime) -> None:
    """Remove what is of no use any more: `identity.oidc.retention` and networks' failures."""
    async with database.transaction() as session:
        await oidc_retention.forget(session, now=now)
        await network_limit.forget_expired(session, now=now)


async def _ask_for_deceased(database: Database, vault: Vault, *, now: datetime) -> None:
    async with database.transaction() as session:
        for account_id in await erasure.long_deceased(session, before=now - DECEASED_KEPT):
            await erasure.ask(
                session,
                vault,
                account_id,
                ErasureBasis.DECEASED,
                grace=timedelta(0),
                actor=SYSTEM,
                now=now,
            )


async def _erase(
    database: Database, vault: Vault, account_id: UUID, now: datetime
) -> erasing.Erased | None:
    try:
        async with database.transaction() as session:
            return await erasing.carry_out(session, vault, account_id, actor=SYSTEM, now=now)
    except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
        _LOG.exception("erasure failed", account=str(account_id))
        return None


async def _reassess(database: Database, vault: Vault, account_id: UUID, now: datetime) -> bool:
    try:
        async with database.transaction() as session:
            await applications.assess(session, vault, account_id, actor=SYSTEM, now=now)
    except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
        _LOG.exception("reassessment failed", account=str(account_id))
        return False
    return True
