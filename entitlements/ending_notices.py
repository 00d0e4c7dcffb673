"""Residents are told before something ends, and what they can do: once for each length of notice.

What it is stands on their account alone: a message is read by others too.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import gathering, grants, offers, rulebooks
from entitlements.decision import Decision, Eligible, NotEligible
from entitlements.evidence_models import EndNotice
from entitlements.grant_states import GrantState
from entitlements.models import Grant
from entitlements.notice_windows import Window, windows_of
from entitlements.offers import Due
from entitlements.schemes.dates import day_after, in_words
from identity import audit, notices
from identity.actors import SYSTEM
from identity.models import Account, AccountState
from identity.personal import Vault

KIND: Final = "entitlement-ends"


async def due(
    session: AsyncSession, on: date, days: Sequence[int], *, limit: int = 200
) -> Sequence[UUID]:
    """Grants of the living whose holders are to be told today that they end.

    Args:
        session: the transaction.
        on: today.
        days: how long before the end somebody is told, each once.
        limit: length of a page.
    """
    query = (
        select(Grant.id)
        .join(Account, Account.id == Grant.account_id)
        .where(
            Grant.state == GrantState.GRANTED,
            Account.state == AccountState.ACTIVE,
            or_(*(_is_due(on, window) for window in windows_of(days))),
        )
        .order_by(Grant.valid_until, Grant.id)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def tell(
    session: AsyncSession,
    vault: Vault,
    grant_id: UUID,
    on: date,
    days: Sequence[int],
    *,
    now: datetime,
) -> bool:
    """Tell the holder of one, at every address they have; False when it is not due any more.

    Who has no address is not told, and not looked for again.

    Raises:
        NoSuchAccount: the account is gone.
    """
    found = await session.get(Grant, grant_id)
    if found is None:
        return False
    holder = await grants.lock_holder(session, found.account_id)
    await session.refresh(found)
    account = await session.get_one(Account, found.account_id, populate_existing=True)
    window = next((one for one in windows_of(days) if one.holds(found.valid_until, on)), None)
    alive = account.state is AccountState.ACTIVE and grants.is_held(found)
    if window is None or not alive:
        return False
    if await session.get(EndNotice, (grant_id, window.within)) is not None:
        return False  # another worker was first
    book = await rulebooks.in_force(session)
    facts = (await gathering.gather(session, vault, account.id)).facts
    after = day_after(found.valid_until)
    if found.scheme not in book.schemes:
        advice = _GONE
    else:
        decision = rulebooks.deciders(book)[found.scheme](facts, after)
        follows = offers.due_of(decision, book.schemes[found.scheme], holder.giving, None)
        advice = _advice(decision, follows)
    whose = account.id
    session.add(EndNotice(grant_id=grant_id, days=window.within, account_id=whose, told_at=now))
    text = _MESSAGE.format(day=in_words(found.valid_until), advice=advice)
    await notices.tell(session, vault, account, KIND, text, now=now)
    subject = audit.subject_of("account", account.id)
    audit.record(session, "end-announced", subject, actor=SYSTEM, now=now)
    await session.flush()
    return True


def _is_due(on: date, window: Window) -> ColumnElement[bool]:
    told = select(EndNotice.grant_id).where(
        EndNotice.grant_id == Grant.id, EndNotice.days == window.within
    )
    return window.of(Grant.valid_until, on) & ~told.exists()


def _advice(decision: Decision, follows: Due) -> str:
    """What somebody can do, by what the rule says of the day after."""
    if isinstance(decision, NotEligible):
        return _NO_MORE
    if not isinstance(decision, Eligible):
        return _SHOW_PROOF
    return _NOTHING_TO_DO if follows is Due.ADD else _APPLY


_MESSAGE: Final = (
    "Something you have with your Kent Card ends after {day}.\n\n{advice}\n\nSign in to your "
    "Kent Card account to see what it is."
)
_NOTHING_TO_DO: Final = (
    "You do not need to do anything. As far as we know now, you can have it after that too, and "
    "we add it again by ourselves."
)
_APPLY: Final = (
    "As far as we know now, you can have it after that too. We will offer it to you, or you can "
    "apply for it again in your account."
)
_SHOW_PROOF: Final = (
    "To have it after that too, you need to show us proof that is not too old. You can apply for "
    "it in your account and send a photo of the document, or show it at a Kent Gateway or library."
)
_NO_MORE: Final = (
    "As far as we know now, you cannot have it after that. If something about you has changed, or "
    "is wrong in your account, tell us at a Kent Gateway or library."
)
_GONE: Final = "It is not given any more after that. You do not need to do anything."
