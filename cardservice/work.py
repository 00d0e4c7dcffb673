"""The worker's lines of work, side by side: what people wait for, others, and what takes long.

Deciding for everybody takes the better part of an hour, and a partner's or a register's machine may
be slow to answer. Messages and taps wait for neither: they have a line of their own. Every piece of
each is a transaction, so two workers, or two lines, get in nobody's way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from cardservice import expiring, jobs, payments, reassessing, renewing
from cardservice.database import Database
from cardservice.govuk_pay import GovukPay
from cardservice.settings import Settings, notice_days
from entitlements.references import Registers
from entitlements.webhook_sending import Way
from identity.dates import london_date
from identity.oidc.provider import Provider
from identity.outbox import Carrier
from identity.personal import Vault
from readers.clock import Clock

TICK_SECONDS: Final = 2.0
_LOG: Final = structlog.get_logger(__name__)


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker works with.

    Attributes:
        http: to the sites that residents sign in to.
        way: to the machines of partners.
        registers: that are asked about evidence.
        carrier: of messages.
        outbox: the directory of messages that one can read.
        settings: how long before an end people are told, and files of evidence are kept.
        pay: GOV.UK Pay, where residents can pay online.
        stopping: set when the worker is to stop; long work stops where it can be gone on with.
    """

    database: Database
    provider: Provider
    http: httpx.AsyncClient
    way: Way
    registers: Registers
    carrier: Carrier
    outbox: Path
    settings: Settings
    stopping: asyncio.Event
    pay: GovukPay | None = None

    @property
    def vault(self) -> Vault:
        """Opens and seals personal data."""
        return self.provider.vault


async def work(means: Means, clock: Clock) -> None:
    """Every line, until the worker is to stop."""
    done_on: date | None = None

    async def at_length(*, now: datetime) -> bool:
        nonlocal done_on
        well = await what_takes_long(means, now=now, nightly=london_date(now) != done_on)
        done_on = london_date(now) if well else done_on
        return well

    async with asyncio.TaskGroup() as lines:
        for turn in (
            what_people_wait_for,
            what_partners_wait_for,
            what_registers_know,
            what_was_paid,
        ):
            lines.create_task(_again_and_again(partial(turn, means), means.stopping, clock))
        lines.create_task(_again_and_again(at_length, means.stopping, clock))


async def work_once(means: Means, *, now: datetime) -> bool:
    """What is due now, the night's work too; whether nothing failed."""
    return all(
        [
            await what_takes_long(means, now=now, nightly=True),
            await what_registers_know(means, now=now),
            await what_was_paid(means, now=now),
            await what_people_wait_for(means, now=now),
            await what_partners_wait_for(means, now=now),
        ]
    )


async def what_people_wait_for(means: Means, *, now: datetime) -> bool:
    """Send what is due and seal taps; whether nothing failed. The next turn tries again."""
    database, vault = means.database, means.vault
    try:
        delivered = await jobs.deliver_messages(database, vault, means.carrier, now=now)
        await jobs.seal_taps(database, now=now)
        await jobs.tell_sites(database, means.provider, means.http, now=now)
        await jobs.end_assistance(database, now=now)
        await jobs.compare_new_accounts(database, vault, now=now)
        await jobs.forget_expired(database, now=now)
    except (SQLAlchemyError, OSError) as error:
        return _said(error)
    _say(**msgspec.structs.asdict(delivered))
    return True


async def what_partners_wait_for(means: Means, *, now: datetime) -> bool:
    """Tell partners what changed for residents they know; whether nothing failed here.

    What cannot be delivered is a matter of the partner's machine, and is tried again.
    """
    try:
        told = await jobs.tell_partners(means.database, means.vault, means.way, now=now)
    except (SQLAlchemyError, OSError) as error:
        return _said(error)
    _say(partners_told=told.taken, partners_not_reached=told.failed)
    return True


async def what_registers_know(means: Means, *, now: datetime) -> bool:
    """Ask registers about evidence; whether nothing failed here.

    What a register does not answer is its own matter, and is asked again.
    """
    try:
        asked = await jobs.ask_registers(means.database, means.vault, means.registers, now=now)
    except (SQLAlchemyError, OSError) as error:
        return _said(error)
    _say(registers_answered=asked.answered, registers_silent=asked.put_off + asked.given_up)
    return True


async def what_was_paid(means: Means, *, now: datetime) -> bool:
    """Ask about payments from which nobody came back; whether nothing failed here."""
    if means.pay is None:
        return True
    try:
        ended = await payments.settle_open(means.database.transaction, means.pay, now=now)
    except (SQLAlchemyError, OSError) as error:
        return _said(error)
    _say(payments_ended=ended)
    return True


async def what_takes_long(means: Means, *, now: datetime, nightly: bool) -> bool:
    """Decide anew where that is due, and erase; whether nothing failed.

    Args:
        means: what to work with.
        now: when.
        nightly: also what is due once a day.
    """
    database, vault = means.database, means.vault
    try:
        decided = await reassessing.reassess_due(database, vault, now=now)
        await reassessing.count_consequences(database, vault, now=now)
        async for progress in reassessing.reassess_everybody(database, vault, now=now):
            _LOG.info("deciding for everybody", **msgspec.to_builtins(progress))
            if means.stopping.is_set():
                return True
        if await _renew(means, now=now):
            return True
        if nightly:
            await jobs.ask_for_deceased(database, vault, now=now)
        odd = await jobs.reconcile_taps(database, now=now)
        erased = await jobs.erase_due(database, vault, means.outbox, now=now)
        announced = await _nightly(means, now=now) if nightly else jobs.Announced(0, 0)
    except (SQLAlchemyError, OSError) as error:
        return _said(error)
    _say(
        decided=decided.decided,
        failed=decided.failed,
        erased=erased.done,
        taps_that_do_not_add_up=odd,
        ends_announced=announced.told,
        ends_not_announced=announced.failed,
    )
    return not (decided.failed or erased.failed or announced.failed)


async def _renew(means: Means, *, now: datetime) -> bool:
    """Count previews of renewals and go on with runs; whether the worker is to stop meanwhile."""
    database, vault = means.database, means.vault
    await renewing.count_previews(database, vault, now=now)
    for expires_on in await renewing.under_way(database):
        async for progress in renewing.go_on(database, vault, expires_on, now=now):
            _LOG.info("renewing cards", **msgspec.to_builtins(progress))
            if means.stopping.is_set():
                return True
    return False


async def _nightly(means: Means, *, now: datetime) -> jobs.Announced:
    """Tell of what ends, and remove what is over."""
    database, days = means.database, notice_days(means.settings)
    ends = await jobs.announce_ends(database, means.vault, days=days, now=now)
    proof = await jobs.announce_ends_of_proof(database, means.vault, days=days, now=now)
    announced = jobs.Announced(ends.told + proof.told, ends.failed + proof.failed)
    keep = timedelta(days=means.settings.evidence_days)
    await jobs.let_go_of_evidence(database, keep=keep, now=now)
    taps_kept = timedelta(days=means.settings.taps_days)
    await jobs.apply_retention(database, means.outbox, now=now, taps_kept=taps_kept)
    _say(cards_expired=await expiring.expire_cards(database, now=now))
    return announced


def _say(**done: int) -> None:
    if any(done.values()):
        _LOG.info("done", **done)


def _said(error: Exception) -> bool:
    _LOG.error("this turn failed", fault=type(error).__name__, exc_info=error)
    return False


async def _again_and_again(
    turn: Callable[..., Awaitable[bool]], stopping: asyncio.Event, clock: Clock
) -> None:
    while not stopping.is_set():
        await turn(now=clock())
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await stopping.wait()
        except TimeoutError:
            continue
