"""What the worker does, again and again, for messages, taps and the sites people sign in to."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import structlog

from cardservice import erasing, reconciling, retention, taps
from cardservice.database import Database
from cardservice.holdings.cards import TAPS_KEPT
from cardservice.holdings.people import DECEASED_KEPT, MESSAGES_KEPT
from entitlements import (
    ending_notices,
    evidence_records,
    looking_up,
    proof_notices,
    webhook_deliveries,
)
from entitlements.references import Registers
from entitlements.webhook_deliveries import Turn
from entitlements.webhook_sending import Way
from identity import (
    assisted_ends,
    audit_batches,
    duplicates,
    erasure,
    network_limit,
    outbox,
    outbox_files,
    registrations,
)
from identity.actors import SYSTEM
from identity.errors import NoErasureWaits, PersonErased
from identity.models import ErasureBasis
from identity.oidc import logout_notices, spent
from identity.oidc.provider import Provider
from identity.outbox import Carrier, Delivery
from identity.personal import Vault
from readers.contract.windows import london_date

_LOG: Final = structlog.get_logger(__name__)
BATCHES_A_TURN: Final = 500


class Erasures(msgspec.Struct, frozen=True):
    """How a run went: records erased, and records whose erasure failed and will be tried again."""

    done: int
    failed: int


class Announced(msgspec.Struct, frozen=True):
    """How a run went: ends that were told of, and those whose notice failed."""

    told: int
    failed: int


async def deliver_messages(
    database: Database, vault: Vault, carrier: Carrier, *, now: datetime
) -> Delivery:
    """Hand over every message that is due.

    Raises:
        OSError: the outbox directory cannot be written; the messages go on waiting.
    """
    total = Delivery(0, 0, 0)
    while True:
        done = await outbox.deliver(database.transaction, vault, carrier, now=now)
        total = Delivery(
            sent=total.sent + done.sent,
            put_off=total.put_off + done.put_off,
            given_up=total.given_up + done.given_up,
        )
        if not done.sent:
            return total


async def compare_new_accounts(database: Database, vault: Vault, *, now: datetime) -> int:
    """Look for accounts that may be one person's; how many new accounts were compared."""
    compared = 0
    while True:
        async with database.transaction() as session:
            some = await duplicates.compare_new(session, vault, now=now)
        compared += some
        if not some:
            return compared


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


async def reconcile_taps(database: Database, *, now: datetime) -> int:
    """Look for what does not add up in taps that were sealed a while ago; how many findings.

    Each batch is a transaction, and a turn ends after :data:`BATCHES_A_TURN`.
    """
    findings = 0
    for _ in range(BATCHES_A_TURN):
        async with database.transaction() as session:
            looked = await reconciling.look_at_next(session, now=now)
        if isinstance(looked, reconciling.NothingToLookAt):
            break
        findings += looked.findings
    return findings


async def tell_sites(
    database: Database, provider: Provider, http: httpx.AsyncClient, *, now: datetime
) -> int:
    """Tell sites whose sessions ended; how many took the notice. Others are told again later."""
    async with database.transaction() as session:
        await logout_notices.note_ended_sessions(session, now=now)
    return await logout_notices.deliver(database.transaction, provider, http, now=now)


async def tell_partners(database: Database, vault: Vault, way: Way, *, now: datetime) -> Turn:
    """Send partners what is due; what is not taken is sent again later."""
    total = Turn(0, 0, 0)
    while True:
        done = await webhook_deliveries.deliver(database.transaction, vault, way, now=now)
        total = Turn(
            total.taken + done.taken, total.failed + done.failed, total.given_up + done.given_up
        )
        if not done.taken or done.failed:
            return total


async def ask_registers(
    database: Database, vault: Vault, registers: Registers, *, now: datetime
) -> looking_up.Turn:
    """Ask registers what is due; what has no answer is asked again later."""
    return await looking_up.ask_due(database.transaction, vault, registers, now=now)


async def end_assistance(database: Database, *, now: datetime) -> int:
    """Write down which assisted sessions ended by time or with their sign-in; how many."""
    async with database.transaction() as session:
        return await assisted_ends.note_ends(session, now=now)


async def erase_due(
    database: Database, vault: Vault, directory: Path, *, now: datetime
) -> Erasures:
    """Erase every record whose time has come.

    Each person is a transaction; one person's fault keeps nobody else from being erased. Their
    written messages go once that is committed.

    Raises:
        OSError: a written message cannot be removed.
    """
    done, failed = 0, set[UUID]()
    while True:
        async with database.transaction() as session:
            page = [one for one in await erasure.due(session, now=now) if one not in failed]
        for account_id in page:
            try:
                async with database.transaction() as session:
                    erased = await erasing.carry_out(
                        session, vault, account_id, actor=SYSTEM, now=now
                    )
            except (NoErasureWaits, PersonErased):
                continue  # it was stopped, or another worker was first
            except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
                _LOG.exception("erasure failed", account=str(account_id))
                failed.add(account_id)
                continue
            done += 1
            await asyncio.to_thread(outbox_files.remove_files, directory, erased.files)
        if not page:
            return Erasures(done, len(failed))


async def apply_retention(
    database: Database, directory: Path, *, now: datetime, taps_kept: timedelta = TAPS_KEPT
) -> int:
    """Remove what is kept for too long, from the database and the outbox; how much that was.

    Raises:
        OSError: a written message cannot be removed.
    """
    removed = 0
    async for over in retention.run(database.transaction, now=now, taps_kept=taps_kept):
        _LOG.info("retention", table=over.table, rows=over.rows)
        removed += over.rows
    old = await asyncio.to_thread(outbox_files.written_before, directory, now - MESSAGES_KEPT)
    await asyncio.to_thread(outbox_files.remove_files, directory, old)
    return removed + len(old)


async def announce_ends(
    database: Database, vault: Vault, *, days: Sequence[int], now: datetime
) -> Announced:
    """Tell everybody for whom something ends soon; due once a day.

    Each is a transaction; one person's fault keeps nobody else from being told.

    Args:
        database: where they are.
        vault: opens addresses, and seals messages.
        days: how long before the end somebody is told.
        now: when.
    """
    told, on, failed = 0, london_date(now), set[UUID]()
    while True:
        async with database.transaction() as session:
            found = await ending_notices.due(session, on, days, limit=200 + len(failed))
        page = [one for one in found if one not in failed]
        for grant_id in page:
            try:
                async with database.transaction() as session:
                    told += await ending_notices.tell(session, vault, grant_id, on, days, now=now)
            except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
                _LOG.exception("notice of an end failed", grant=str(grant_id))
                failed.add(grant_id)
        if not page:
            return Announced(told, len(failed))


async def announce_ends_of_proof(
    database: Database, vault: Vault, *, days: Sequence[int], now: datetime
) -> Announced:
    """Tell everybody for whom something they showed us is over soon; due once a day.

    Each is a transaction; one person's fault keeps nobody else from being told.

    Args:
        database: where they are.
        vault: opens addresses, and seals messages.
        days: how long before the last day somebody is told.
        now: when.
    """
    told, failed, on = 0, 0, london_date(now)
    after: UUID | None = None
    while True:
        async with database.transaction() as session:
            page = await proof_notices.due(session, on, days, after=after)
        for after in page:
            try:
                async with database.transaction() as session:
                    told += await proof_notices.tell(session, vault, after, on, days, now=now)
            except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
                _LOG.exception("notice of old proof failed", account=str(after))
                failed += 1
        if not page:
            return Announced(told, failed)


async def let_go_of_evidence(database: Database, *, keep: timedelta, now: datetime) -> int:
    """Set an end to files of applications that are decided; due before `apply_retention`."""
    async with database.transaction() as session:
        return await evidence_records.let_go_of_decided(session, keep=keep, now=now)


async def forget_expired(database: Database, *, now: datetime) -> None:
    """Remove what gathers quickly and nobody can continue or use again; the rest goes at night."""
    async with database.transaction() as session:
        await spent.forget(session, now=now)
        await network_limit.forget_expired(session, now=now)
        await registrations.forget_expired(session, now=now)


async def ask_for_deceased(database: Database, vault: Vault, *, now: datetime) -> None:
    """Have the records of people who died long ago erased at once; due once a day."""
    before, at_once = now - DECEASED_KEPT, timedelta(0)
    basis = ErasureBasis.DECEASED
    while True:
        async with database.transaction() as session:
            page = await erasure.long_deceased(session, before=before)
            for one in page:
                await erasure.ask(session, vault, one, basis, grace=at_once, actor=SYSTEM, now=now)
        if not page:
            return
