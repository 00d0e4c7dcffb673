"""A run over every card that ends on a day: previewed, begun, gone on with, and told of as it goes.

Every card is a savepoint and every page a transaction that says how far the run is: broken off
anywhere it goes on from there, and one holder's fault keeps nobody else from their card.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import renewal_facts, renewals
from cardservice.database import Database
from cardservice.renewal_facts import Looked
from cardservice.renewal_models import RenewalRun, RunState
from cardservice.renewal_rules import Asks, Leaves, name_of
from identity import audit
from identity.actors import Actor
from identity.dates import london_date
from identity.personal import Vault

UNREADABLE: Final = "unreadable"
_LOG: Final = structlog.get_logger(__name__)


class Preview(msgspec.Struct, frozen=True):
    """What a run would do; nothing was written.

    Attributes:
        cards: that end on the day.
        outcomes: `renews`, `asks`, `leaves` or `unreadable` -> how many cards.
        reasons: value of each reason -> how many cards; a card may have several.
    """

    expires_on: date
    cards: int
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]


class Progress(msgspec.Struct, frozen=True):
    """How far a run is.

    Attributes:
        looked_at: cards, since it began.
        done: of this page, those about which something was done.
        failed: cards whose holders' records could not be read, or whose order failed.
        finished: whether that was every card.
    """

    looked_at: int
    done: int
    failed: int
    finished: bool


async def preview(database: Database, vault: Vault, expires_on: date, *, now: datetime) -> Preview:
    """Count who renews, who is asked and who is left, and why; nothing is written."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    after: UUID | None = None
    while True:
        async with database.transaction() as session:
            page = await renewal_facts.page(
                session, vault, expires_on, on=london_date(now), after=after
            )
        if not page:
            return Preview(expires_on, sum(outcomes.values()), outcomes, reasons)
        for looked in page:
            _count(looked, outcomes, reasons)
        after = page[-1].card.id


async def ask_preview(
    session: AsyncSession, expires_on: date, *, actor: Actor, now: datetime
) -> RenewalRun:
    """Have the worker count what a run would do; one that was begun stays as it is."""
    run = await renewals.locked_run(session, expires_on)
    if run is None:
        run = RenewalRun(expires_on=expires_on, asked_at=now)
        session.add(run)
    elif run.state is RunState.PREVIEWED:
        run.state, run.asked_at = RunState.TO_PREVIEW, now
    await session.flush()
    _note(session, "renewal-preview-asked", run, actor=actor, now=now)
    return run


async def begin(
    session: AsyncSession, expires_on: date, *, actor: Actor, now: datetime
) -> RenewalRun:
    """Begin the run for a day, or go on with it; one that has finished looks at every card again.

    About a card that was decided for nothing is done again.
    """
    run = await renewals.locked_run(session, expires_on)
    if run is None:
        run = RenewalRun(expires_on=expires_on, asked_at=now)
        session.add(run)
    if run.state is not RunState.RUNNING:
        run.state, run.started_at, run.started_by = RunState.RUNNING, now, actor.label
        run.finished_at = run.after = None
        run.looked_at = run.failed = 0
    await session.flush()
    _note(session, "renewal-run-begun", run, actor=actor, now=now)
    return run


async def under_way(database: Database) -> Sequence[date]:
    """The days whose runs were begun and are not done."""
    async with database.transaction() as session:
        return await renewals.in_state(session, RunState.RUNNING)


async def count_previews(database: Database, vault: Vault, *, now: datetime) -> int:
    """Count what each run would do that somebody wants previewed; how many were."""
    async with database.transaction() as session:
        wanted = await renewals.in_state(session, RunState.TO_PREVIEW)
    for expires_on in wanted:
        counted = await preview(database, vault, expires_on, now=now)
        async with database.transaction() as session:
            run = await renewals.locked_run(session, expires_on)
            if run is not None and run.state is RunState.TO_PREVIEW:
                run.state, run.previewed_at = RunState.PREVIEWED, now
                run.preview = msgspec.to_builtins(counted)
    return len(wanted)


async def go_on(
    database: Database,
    vault: Vault,
    expires_on: date,
    *,
    now: datetime,
    limit: int = renewal_facts.PAGE,
) -> AsyncIterator[Progress]:
    """Do what is to be done about each card of a run under way; progress after each page.

    Two who run it at once take turns, page by page.
    """
    finished = False
    while not finished:
        async with database.transaction() as session:
            progress = await _turn(session, vault, expires_on, now=now, limit=limit)
        yield progress
        finished = progress.finished


async def _turn(
    session: AsyncSession, vault: Vault, expires_on: date, *, now: datetime, limit: int
) -> Progress:
    """One page, and how far the run is then."""
    run = await renewals.locked_run(session, expires_on)
    if run is None or run.state is not RunState.RUNNING:
        looked_at, failed = (0, 0) if run is None else (run.looked_at, run.failed)
        return Progress(looked_at, 0, failed, finished=True)
    page = await renewal_facts.page(
        session, vault, expires_on, on=london_date(now), after=run.after, limit=limit
    )
    done, last = 0, page[-1].card.id if page else None
    for looked in page:
        done += await _one(session, vault, run, looked, now=now)
    run.looked_at += len(page)
    if last is not None:
        run.after = last
    else:
        run.state, run.finished_at = RunState.FINISHED, now
    return Progress(run.looked_at, done, run.failed, finished=not page)


async def _one(
    session: AsyncSession, vault: Vault, run: RenewalRun, looked: Looked, *, now: datetime
) -> int:
    """Whether something was done about one card: 1 or 0."""
    if looked.verdict is None:
        run.failed += 1
        return 0
    card_id = looked.card.id
    try:
        async with session.begin_nested():
            return int(await renewals.act(session, vault, run, looked, now=now) is not None)
    except Exception:  # noqa: BLE001  (whatever it is, the others must not wait for it)
        _LOG.exception("renewal failed", card=str(card_id))
        run.failed += 1
        return 0


def _note(
    session: AsyncSession, action: str, run: RenewalRun, *, actor: Actor, now: datetime
) -> None:
    detail = {"expires_on": run.expires_on.isoformat()}
    subject = audit.subject_of("renewal", run.id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)


def _count(looked: Looked, outcomes: Counter[str], reasons: Counter[str]) -> None:
    verdict = looked.verdict
    if verdict is None:
        outcomes[UNREADABLE] += 1
        return
    outcomes[name_of(verdict)] += 1
    if isinstance(verdict, Asks):
        reasons.update(each.value for each in verdict.why)
    elif isinstance(verdict, Leaves):
        reasons[verdict.why.value] += 1
