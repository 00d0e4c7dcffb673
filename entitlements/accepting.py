"""A resident says yes or no to what they were offered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import assessing, gathering, grants, rulebooks
from entitlements.decision import Decision, Eligible
from entitlements.errors import NoSuchOffer
from entitlements.grant_states import GIVEN, GrantState
from entitlements.models import Grant
from identity.actors import Actor
from identity.personal import Vault
from readers.contract.windows import london_date

OFFERS = frozenset({GrantState.OFFERED, GrantState.DECLINED})
"""What can be answered; a no can become a yes."""


async def offer_of(session: AsyncSession, account_id: UUID, scheme: str) -> Grant:
    """What a resident was offered of a scheme, whether or not they declined it.

    Raises:
        NoSuchOffer: there is no such offer to them now.
    """
    held = (await grants.open_by_scheme(session, account_id)).get(scheme)
    if held is None or held.state not in OFFERS:
        raise NoSuchOffer(f"There is no offer of '{scheme}'.")
    return held


async def accept(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    scheme: str,
    *,
    actor: Actor,
    now: datetime,
) -> Decision:
    """Grant what was offered, if the rule still says yes today; what it says is answered.

    Accepting twice is accepting once. A no ends the offer; what is not known leaves it as it is.

    Raises:
        NoSuchOffer: there is no such offer to them now.
    """
    await grants.lock_holder(session, account_id)
    book = await rulebooks.in_force(session)
    held = (await grants.open_by_scheme(session, account_id)).get(scheme)
    if held is None or scheme not in book.schemes or held.state not in OFFERS | GIVEN:
        raise NoSuchOffer(f"There is no offer of '{scheme}'.")
    facts = (await gathering.gather(session, vault, account_id)).facts
    decision = rulebooks.deciders(book)[scheme](facts, london_date(now))
    if held.state in OFFERS and isinstance(decision, Eligible):
        await grants.grant(session, account_id, decision, before=held, actor=actor, now=now)
    await assessing.assess(session, vault, account_id, actor=actor, now=now)
    return decision


async def decline(
    session: AsyncSession, account_id: UUID, scheme: str, *, actor: Actor, now: datetime
) -> None:
    """Note that a resident does not want what was offered. Declining twice is declining once.

    Raises:
        NoSuchOffer: there is no such offer to them now.
    """
    await grants.lock_holder(session, account_id)
    held = await offer_of(session, account_id, scheme)
    if held.state is GrantState.OFFERED:
        await grants.move(session, held, GrantState.DECLINED, actor=actor, now=now)
