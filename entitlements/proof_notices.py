"""Residents are told before something they showed us is over, and what they can do: once each.

That is what others gave, such as a badge, and proof that grows too old while what was given on it
goes on. What it is stands on their account alone: a message is read by others too.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from entitlements import assessing, gathering, grants, rulebooks
from entitlements.decision import Eligible, NeedsEvidence
from entitlements.evidence_models import ProofNotice
from entitlements.models import Assessment, Grant, Holder
from entitlements.notice_windows import Window, windows_of
from entitlements.schemes.dates import in_words
from entitlements.schemes.rulebook import RuleBook
from entitlements.schemes.rulefacts import facts_of
from identity import audit, notices
from identity.actors import SYSTEM
from identity.models import Account, AccountState
from identity.personal import Vault

KIND: Final = "proof-ends"
_DAY: Final = timedelta(days=1)


async def due(
    session: AsyncSession,
    on: date,
    days: Sequence[int],
    *,
    after: UUID | None = None,
    limit: int = 200,
) -> Sequence[UUID]:
    """Living residents who may have to be told today, in order of their id.

    Args:
        session: the transaction.
        on: today.
        days: how long before the last day somebody is told, each once.
        after: the last id of the page before.
        limit: length of a page.
    """
    book = await rulebooks.in_force(session)
    windows = windows_of(days)
    proved = select(Assessment.account_id).where(
        Assessment.superseded_at.is_(None),
        Assessment.outcome == assessing.ELIGIBLE,
        Assessment.scheme.in_(_resting_on_proof(book)),
        _is_due(Assessment.next_change_on, Assessment.account_id, on, windows),
    )
    shown = select(Holder.account_id).where(
        _is_due(Holder.shown_over_on, Holder.account_id, on, windows)
    )
    both = union(proved, shown).subquery()
    living = select(Account.id).where(
        Account.id.in_(select(both.c.account_id)), Account.state == AccountState.ACTIVE
    )
    following = living if after is None else living.where(Account.id > after)
    return (await session.scalars(following.order_by(Account.id).limit(limit))).all()


async def tell(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    on: date,
    days: Sequence[int],
    *,
    now: datetime,
) -> int:
    """Tell somebody of everything of theirs that is over soon; how many notices that took.

    Raises:
        NoSuchAccount: the account is gone.
    """
    holder = await grants.lock_holder(session, account_id)
    account = await session.get_one(Account, account_id, populate_existing=True)
    if account.state is not AccountState.ACTIVE:
        return 0
    ends = await _proof_over_on(session, vault, account_id)
    found = dict.fromkeys(ends, _NEWER_PROOF)
    if holder.shown_over_on is not None:
        found[holder.shown_over_on] = _RENEW
    told = 0
    for over_on, advice in sorted(found.items()):
        last = over_on - _DAY
        window = next((one for one in windows_of(days) if one.holds(last, on)), None)
        if window is None:
            continue
        if await session.get(ProofNotice, (account_id, over_on, window.within)) is not None:
            continue
        session.add(
            ProofNotice(account_id=account_id, over_on=over_on, days=window.within, told_at=now)
        )
        text = advice.format(day=in_words(last))
        await notices.tell(session, vault, account, KIND, text, now=now)
        subject = audit.subject_of("account", account_id)
        audit.record(session, "proof-end-announced", subject, actor=SYSTEM, now=now)
        told += 1
    await session.flush()
    return told


def _resting_on_proof(book: RuleBook) -> Sequence[str]:
    """Schemes whose rule asks for a document: nobody else's answer changes by its age."""
    return [name for name, scheme in book.schemes.items() if "evidence" in facts_of(scheme)]


def _is_due(
    over_on: InstrumentedAttribute[date | None],
    whose: InstrumentedAttribute[UUID],
    on: date,
    windows: Sequence[Window],
) -> ColumnElement[bool]:
    return or_(
        *(
            window.of(over_on, on, over=True)
            & ~select(ProofNotice.account_id)
            .where(
                ProofNotice.account_id == whose,
                ProofNotice.over_on == over_on,
                ProofNotice.days == window.within,
            )
            .exists()
            for window in windows
        )
    )


async def _proof_over_on(session: AsyncSession, vault: Vault, account_id: UUID) -> set[date]:
    """The first days on which proof is too old for something that is held and goes on."""
    book = await rulebooks.in_force(session)
    facts = (await gathering.gather(session, vault, account_id)).facts
    held = await grants.open_by_scheme(session, account_id)
    changes = select(Assessment.scheme, Assessment.next_change_on).where(
        Assessment.account_id == account_id,
        Assessment.superseded_at.is_(None),
        Assessment.outcome == assessing.ELIGIBLE,
        Assessment.scheme.in_(_resting_on_proof(book)),
    )
    found = set()
    for scheme, day in await session.execute(changes):
        if day is None or not _goes_on(held.get(scheme), day):
            continue
        decide = rulebooks.deciders(book)[scheme]
        before, then = decide(facts, day - _DAY), decide(facts, day)
        if isinstance(before, Eligible) and isinstance(then, NeedsEvidence):
            found.add(day)
    return found


def _goes_on(held: Grant | None, day: date) -> bool:
    return held is not None and grants.is_held(held) and held.valid_until >= day


_RENEW: Final = (
    "Something that others gave you, and that you showed us, ends after {day}.\n\nRenew it where "
    "you got it. Then show us the new one at a Kent Gateway or library, so that it goes on "
    "counting for what you have with us.\n\nSign in to your Kent Card account to see what it is."
)
_NEWER_PROOF: Final = (
    "Proof that you gave us counts until {day}, and is too old after that.\n\nYou keep what you "
    "have with your Kent Card until the day on which it ends. To have it again after that, give us "
    "newer proof: send a photo of the document when you apply, or show it at a Kent Gateway or "
    "library.\n\nSign in to your Kent Card account to see what you have."
)
