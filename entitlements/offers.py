"""What becomes of something a resident became entitled to: added, or offered, as they choose."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import grants
from entitlements.decision import Decision, Eligible, NeedsEvidence, NeedsFacts, NotEligible
from entitlements.grant_states import GrantState
from entitlements.models import Giving, Grant, Holder
from entitlements.schemes.rule import Given, Scheme
from identity import audit, notices
from identity.actors import Actor
from identity.models import Account, AccountState
from identity.personal import Vault


class Due(StrEnum):
    """What a decision has done with what a resident has of a scheme."""

    NOTHING = "nothing"
    ADD = "add"
    OFFER = "offer"
    CHANGE = "change"
    END = "end"


def giving_of(scheme: Scheme, chosen: Giving | None, on: date) -> Giving | None:
    """How somebody who becomes entitled comes to have it; None where others give it.

    What costs something is never added unasked, unless the rule itself gives it to everybody.
    """
    match scheme.given:
        case Given.ELSEWHERE:
            return None
        case Given.AUTOMATICALLY:
            return chosen or Giving.ADD
        case Given.ON_APPLICATION:
            free = not scheme.charges_on(on)
            return Giving.ADD if chosen is Giving.ADD and free else Giving.OFFER
        case never:
            assert_never(never)


def due_of(decision: Decision, scheme: Scheme, chosen: Giving | None, held: Grant | None) -> Due:
    """What acting on a decision would change.

    What was declined stays so while the resident is entitled; what is suspended, until staff end
    the suspension. What is not known neither gives nor takes.
    """
    match decision:
        case NotEligible():
            return Due.NOTHING if held is None else Due.END
        case NeedsFacts() | NeedsEvidence():
            return Due.NOTHING
        case Eligible():
            return _due_to_the_entitled(decision, giving_of(scheme, chosen, decision.on), held)
        case never:
            assert_never(never)


def _due_to_the_entitled(decision: Eligible, giving: Giving | None, held: Grant | None) -> Due:
    if held is None:
        return Due.NOTHING if giving is None else Due(giving.value)
    other_class = held.entitlement_class != decision.entitlement_class
    match held.state:
        case GrantState.APPLIED:
            return Due.ADD
        case GrantState.OFFERED if giving is Giving.ADD:
            return Due.ADD
        case GrantState.OFFERED | GrantState.GRANTED if other_class:
            return Due.CHANGE
        case _:
            return Due.NOTHING


async def choice_of(session: AsyncSession, account_id: UUID) -> Giving | None:
    """What a resident chose; None leaves it to each rule."""
    return await session.scalar(select(Holder.giving).where(Holder.account_id == account_id))


async def choose(
    session: AsyncSession, account_id: UUID, chosen: Giving | None, *, actor: Actor, now: datetime
) -> bool:
    """Keep a resident's choice; the caller assesses them anew. False: it was that already.

    Raises:
        NoSuchAccount: no account with that id.
    """
    holder = await grants.lock_holder(session, account_id)
    if holder.giving is chosen:
        return False
    holder.giving = chosen
    await session.flush()
    detail = {"giving": chosen and chosen.value}
    subject = audit.subject_of("account", account_id)
    audit.record(session, "giving-chosen", subject, actor=actor, now=now, detail=detail)
    return True


async def tell(
    session: AsyncSession, vault: Vault, account_id: UUID, titles: Sequence[str], *, now: datetime
) -> None:
    """Tell a living resident, in one message, that there is something they can have.

    What it is stands on their account alone: a message is read by others too.
    """
    account = await session.get(Account, account_id)
    if not titles or account is None or account.state is not AccountState.ACTIVE:
        return
    await notices.tell(session, vault, account, "offer", _MESSAGE, now=now)


_MESSAGE: Final = (
    "There is something new that you can have with your Kent Card.\n\nSign in to your account to "
    "see what it is, and say whether you want it."
)
