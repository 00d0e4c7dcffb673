"""Who gains and who loses by other rules: counted for everybody the database knows.

A count says nothing about a person. Who is behind it is told only to those who may know, and kept
in the trail.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final
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

PAGE: Final = 500
MOST_TOUCHED: Final = 200
MOST_LOOKED_AT: Final = 5_000


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
        touched: residents for whom anything changes; None where that was not counted.
    """

    on: date
    first_day: date | None
    residents: int
    unreadable: int
    counts: Mapping[str, Mapping[str, int]]
    touched: int | None = None


class Looked(msgspec.Struct, frozen=True):
    """What other rules do for one resident.

    Attributes:
        number: of the account.
        effects: scheme -> effect, of what changes; None when the data is damaged.
    """

    account_id: UUID
    number: str
    effects: Mapping[str, Effect] | None


class Touched(msgspec.Struct, frozen=True):
    """One page of the residents for whom something changes.

    Attributes:
        residents: those who are touched, by account id; at most `MOST_TOUCHED`.
        looked_at: how many were decided for to find them; at most `MOST_LOOKED_AT`.
        last: after whom the next page begins; None on the last page.
    """

    residents: Sequence[Looked]
    looked_at: int
    last: UUID | None


def _tell_nobody(_looked: Looked) -> None:
    pass


async def preview(
    session: AsyncSession,
    vault: Vault,
    before: RuleBook,
    after: RuleBook,
    *,
    on: date,
    tell: Callable[[Looked], None] = _tell_nobody,
) -> Preview:
    """Decide for every living resident by both books, and count where they differ.

    Whoever is touched is told to `tell` as soon as they are found, and kept nowhere.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in changed_schemes(before, after)}
    residents = unreadable = touched = 0
    async for looked in look(session, vault, before, after, on=on):
        if looked.effects is None:
            unreadable += 1
            continue
        residents += 1
        if not looked.effects:
            continue
        touched += 1
        for name, effect in looked.effects.items():
            counts[name][effect.value] += 1
        tell(looked)
    first_day = first_changed_day(before, after)
    return Preview(on, first_day, residents, unreadable, counts, touched)


async def page_of_touched(
    session: AsyncSession,
    vault: Vault,
    before: RuleBook,
    after: RuleBook,
    *,
    on: date,
    since: UUID | None = None,
) -> Touched:
    """Those who are touched among the accounts after `since`: as many as one page may hold.

    A page may be empty and yet have a next: where few are touched it stops before it has looked at
    everybody, so that nobody waits for 1.6 million decisions.
    """
    found: list[Looked] = []
    looked_at = 0
    async for looked in look(session, vault, before, after, on=on, since=since):
        looked_at += 1
        if looked.effects:
            found.append(looked)
        if len(found) == MOST_TOUCHED or looked_at == MOST_LOOKED_AT:
            return Touched(found, looked_at, looked.account_id)
    return Touched(found, looked_at, None)


async def look(
    session: AsyncSession,
    vault: Vault,
    before: RuleBook,
    after: RuleBook,
    *,
    on: date,
    since: UUID | None = None,
) -> AsyncIterator[Looked]:
    """Decide for every living resident after `since`, in order of account id."""
    names = changed_schemes(before, after)
    async for stored in every_resident(session, vault, since=since):
        opened, account = gathering.try_open(stored), stored.account
        if opened is None:
            yield Looked(account.id, account.number, None)
            continue
        found = {
            name: _effect(
                _decide(before, name, opened.facts, on), _decide(after, name, opened.facts, on)
            )
            for name in names
        }
        effects = {name: effect for name, effect in found.items() if effect is not None}
        yield Looked(account.id, account.number, effects)


async def every_resident(
    session: AsyncSession, vault: Vault, *, since: UUID | None = None
) -> AsyncIterator[gathering.Sealed]:
    """What is stored about every living resident after `since`, page by page by account id."""
    after = since
    while True:
        query = select(Account.id).where(Account.state == AccountState.ACTIVE).order_by(Account.id)
        if after is not None:
            query = query.where(Account.id > after)
        page = (await session.scalars(query.limit(PAGE))).all()
        if not page:
            return
        stored = await gathering.gather_many(session, vault, page)
        for account_id in page:
            if account_id in stored:  # else it was closed or erased a moment ago
                yield stored[account_id]
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
