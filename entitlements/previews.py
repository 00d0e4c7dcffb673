"""Who gains and who loses by other rules: counted for everybody the database knows.

A count says nothing about a person. Who is behind it is told only to those who may know, and kept
in the trail.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import gathering, rulebooks
from entitlements.decision import Decision, Eligible, NeedsEvidence, NeedsFacts, NotEligible
from entitlements.facts import ResidentFacts
from entitlements.schemes.changes import changed_schemes, first_changed_day
from entitlements.schemes.engine import Decide
from entitlements.schemes.rulebook import RuleBook
from identity.models import Account, AccountState
from identity.personal import Vault

PAGE = 500


class Effect(StrEnum):
    """What other rules do for one person."""

    GAINS = "gains"
    LOSES = "loses"
    OTHER_CLASS = "other class"
    BECOMES_UNKNOWN = "becomes unknown"
    BECOMES_KNOWN_NO = "becomes a no"


class Preview(msgspec.Struct, frozen=True):
    """What a change of the rules would do on a day.

    Attributes:
        on: the day decided for, under the rules before and after.
        first_day: the first day whose rules change; None if the days of no rule do.
        residents: how many were decided for.
        unreadable: how many could not be, because their data is damaged.
        counts: scheme -> effect -> residents.
        who: effect by scheme and resident; empty unless it was asked for.
    """

    on: date
    first_day: date | None
    residents: int
    unreadable: int
    counts: Mapping[str, Mapping[str, int]]
    who: Sequence[tuple[str, str, UUID]] = ()


async def preview(
    session: AsyncSession,
    vault: Vault,
    before: RuleBook,
    after: RuleBook,
    *,
    on: date,
    with_people: bool = False,
) -> Preview:
    """Decide for every living resident by both books, and count where they differ."""
    names = changed_schemes(before, after)
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    who: list[tuple[str, str, UUID]] = []
    residents = unreadable = 0
    async for account_id, facts in every_resident(session, vault):
        if facts is None:
            unreadable += 1
            continue
        residents += 1
        for name in names:
            effect = _effect(_decide(before, name, facts, on), _decide(after, name, facts, on))
            if effect is not None:
                counts[name][effect.value] += 1
                if with_people:
                    who.append((name, effect.value, account_id))
    first_day = first_changed_day(before, after)
    return Preview(on, first_day, residents, unreadable, counts, tuple(who))


async def numbers_of(session: AsyncSession, shown: Preview) -> Mapping[UUID, str]:
    """The account numbers of the residents in a preview."""
    wanted = [account_id for _, _, account_id in shown.who]
    found: dict[UUID, str] = {}
    for start in range(0, len(wanted), PAGE):
        query = select(Account.id, Account.number)
        page = query.where(Account.id.in_(wanted[start : start + PAGE]))
        found |= {row.id: row.number for row in await session.execute(page)}
    return found


async def every_resident(
    session: AsyncSession, vault: Vault
) -> AsyncIterator[tuple[UUID, ResidentFacts | None]]:
    """Every living resident and their facts, page by page; None for what cannot be opened."""
    after: UUID | None = None
    while True:
        query = select(Account.id).where(Account.state == AccountState.ACTIVE).order_by(Account.id)
        if after is not None:
            query = query.where(Account.id > after)
        page = (await session.scalars(query.limit(PAGE))).all()
        if not page:
            return
        for account_id, stored in (await gathering.gather_many(session, vault, page)).items():
            opened = gathering.try_open(stored)
            yield account_id, None if opened is None else opened.facts
        after = page[-1]


def _decide(book: RuleBook, name: str, facts: ResidentFacts, on: date) -> Decision | None:
    decide: Decide | None = rulebooks.deciders(book).get(name)
    return None if decide is None else decide(facts, on)


def _effect(before: Decision | None, after: Decision | None) -> Effect | None:  # noqa: PLR0911  (one case for each pair)
    match before, after:
        case Eligible(), Eligible():
            same = before.entitlement_class == after.entitlement_class
            return None if same else Effect.OTHER_CLASS
        case _, Eligible():
            return Effect.GAINS
        case Eligible(), NeedsFacts() | NeedsEvidence():
            return Effect.BECOMES_UNKNOWN
        case Eligible(), _:
            return Effect.LOSES
        case NotEligible() | None, NeedsFacts() | NeedsEvidence():
            return Effect.BECOMES_UNKNOWN
        case NeedsFacts() | NeedsEvidence(), NotEligible():
            return Effect.BECOMES_KNOWN_NO
        case _:
            return None
