"""Finding everybody whose stored answer is not today's, by looking at everybody.

The day's list (`assessing.due`) names those for whom time alone changes something. A run over
everybody follows a change of the rules, and proves the list: once it is done, it finds nobody.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import answers, assessing, gathering, grants, offers, rulebooks
from entitlements.answers import Answers
from entitlements.decision import Decision
from entitlements.models import Giving, Grant, Holder, ReassessmentRun, RunState
from entitlements.offers import Due
from entitlements.schemes.rulebook import RuleBook
from identity import person_keys
from identity.db import new_id
from identity.models import Account, AccountState
from identity.personal import Vault

PAGE: Final = 500


class Scanned(msgspec.Struct, frozen=True):
    """One page of residents.

    Attributes:
        last: the last of them; None when there was nobody left.
        looked_at: how many.
        out_of_date: those for whom something is to be written, in order.
        unreadable: those who cannot be decided for.
    """

    last: UUID | None
    looked_at: int
    out_of_date: Sequence[UUID]
    unreadable: Sequence[UUID]


async def begin(session: AsyncSession, reason: str, *, now: datetime) -> ReassessmentRun:
    """Begin a run over everybody; the worker does it. One that is under way begins anew."""
    for run in await session.scalars(_running().with_for_update()):
        run.state, run.finished_at = RunState.FINISHED, now
    started = ReassessmentRun(id=new_id(), reason=reason[:200], started_at=now)
    session.add(started)
    await session.flush()
    return started


async def under_way(session: AsyncSession) -> ReassessmentRun | None:
    """The run that has not ended, if there is one."""
    found: ReassessmentRun | None = await session.scalar(_running())
    return found


async def newest(session: AsyncSession) -> ReassessmentRun | None:
    """The run that began last."""
    query = select(ReassessmentRun).order_by(ReassessmentRun.started_at.desc()).limit(1)
    return await session.scalar(query)


async def advance(
    session: AsyncSession, run_id: UUID, page: Scanned, *, changed: int, failed: int, now: datetime
) -> ReassessmentRun:
    """Write down how far a run is; a page without anybody ends it."""
    run = await session.get_one(ReassessmentRun, run_id, with_for_update=True)
    run.looked_at += page.looked_at
    run.changed += changed
    run.failed += failed
    if page.last is None:
        run.state, run.finished_at = RunState.FINISHED, now
    else:
        run.after = page.last
    await session.flush()
    return run


async def scan(
    session: AsyncSession, vault: Vault, on: date, *, after: UUID | None = None, limit: int = PAGE
) -> Scanned:
    """Look at the next living residents and decide for each; nothing is written.

    Args:
        session: the transaction.
        vault: opens their facts and what is stored.
        on: the day.
        after: the last of the page before.
        limit: length of a page.
    """
    query = select(Account.id).where(Account.state == AccountState.ACTIVE).order_by(Account.id)
    if after is not None:
        query = query.where(Account.id > after)
    page = (await session.scalars(query.limit(limit))).all()
    if not page:
        return Scanned(None, 0, (), ())
    book = await rulebooks.in_force(session)
    found = await gathering.gather_many(session, vault, page)
    kept, nothing = await _kept(session, page), _Kept(None, None, {})
    stale, unreadable = [], []
    for account_id, sealed in found.items():
        gathered = gathering.try_open(sealed)
        if gathered is None:
            unreadable.append(account_id)
            continue
        decisions = assessing.decide_all(book, gathered.facts, on)
        personal, has = person_keys.opened(vault, sealed.key), kept.get(account_id, nothing)
        if not answers.stand(has.answers, personal, decisions, on) or _is_due(
            book, decisions, has, on
        ):
            stale.append(account_id)
    return Scanned(page[-1], len(page), tuple(sorted(stale)), tuple(unreadable))


class _Kept(NamedTuple):
    """What is stored of a holder.

    Attributes:
        giving: as they chose.
        held: their open grants by scheme.
    """

    answers: Answers | None
    giving: Giving | None
    held: dict[str, Grant]


def _is_due(book: RuleBook, decisions: Sequence[Decision], kept: _Kept, on: date) -> bool:
    """Whether something ran out, or is to be given, offered or taken."""
    if any(grants.has_run_out(given, on) for given in kept.held.values()):
        return True
    return any(
        offers.due_of(each, book.schemes[each.scheme], kept.giving, kept.held.get(each.scheme))
        is not Due.NOTHING
        for each in decisions
    )


def _running() -> Select[ReassessmentRun]:
    return select(ReassessmentRun).where(ReassessmentRun.state == RunState.RUNNING)


async def _kept(session: AsyncSession, page: Sequence[UUID]) -> Mapping[UUID, _Kept]:
    query = select(Holder.account_id, Holder.answers, Holder.answers_change_on, Holder.giving)
    found = {}
    for each, said, day, giving in await session.execute(query.where(Holder.account_id.in_(page))):
        found[each] = _Kept(None if said is None else Answers(said, day), giving, {})
    held = select(Grant).where(Grant.account_id.in_(page), Grant.ended_at.is_(None))
    for row in await session.scalars(held):
        found[row.account_id].held[row.scheme] = row
    return found
