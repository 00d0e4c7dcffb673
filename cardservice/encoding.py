"""Chips of a batch: a bureau's encoder is a terminal, and every chip is written through the relay.

No key leaves the server. The encoder lays one blank after another; each becomes the next row of the
batches that were sent to its bureau, in order.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import batches, issuance, lifecycle
from cardservice.issuance import Waiting
from cardservice.models import Card, CardState
from entitlements import carriers
from identity.actors import Actor
from identity.personal import Vault


async def waiting_at(
    session: AsyncSession, terminal_id: UUID, pairing_id: UUID | None
) -> Waiting | None:
    """The order that waits at a desk for this pairing, or is next at an encoder; with its card."""
    at_desk = await issuance.waiting_at(session, terminal_id, pairing_id)
    if at_desk is not None:
        return at_desk
    order = await batches.next_to_write(session, terminal_id)
    if order is None:
        return None
    return Waiting(order, await lifecycle.locked(session, order.card_id))


async def another_chip(
    session: AsyncSession, vault: Vault, waiting: Waiting, *, actor: Actor, now: datetime
) -> Card:
    """Go on with another blank. A row of a batch keeps the number and code that are printed."""
    first = waiting.card.id
    in_batch = await batches.is_in_batch(session, first)
    card = await issuance.another_chip(session, waiting, actor=actor, now=now)
    if in_batch:
        await batches.follow(session, first, card.id)
        await carriers.pass_on(session, vault, first, card.id)
    return card


async def state_when_written(session: AsyncSession, card_id: UUID) -> CardState:
    """What a card is once its chip is written: in use where its holder stands at the desk."""
    in_batch = await batches.is_in_batch(session, card_id)
    return CardState.PERSONALISED if in_batch else CardState.ACTIVE
