"""Which cards a holder is owed because of their face: what is on a chip changes at a tap instead.

Gaining a statutory travel concession, or another one, needs a card with another face; nothing new
is asked for it.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, products
from cardservice.models import COMING, LIVE, Card, CardOrder
from cardservice.products import Product, needs_new_face
from entitlements import grants
from identity.actors import Actor
from identity.dates import london_date
from identity.personal import Vault


class FaceOwed(msgspec.Struct, frozen=True):
    """A card that is to be made.

    Attributes:
        strip: colour that its face shows.
        instead: of a card they have, whose face says something else.
    """

    product: Product
    strip: str
    instead: bool


async def of_account(
    session: AsyncSession, account_id: UUID, *, now: datetime
) -> tuple[FaceOwed, ...]:
    """What must be made for a holder today; nothing that is on its way is made twice."""
    on = london_date(now)
    held = {each.scheme for each in await grants.current(session, account_id, on)}
    had = Card.state.in_(LIVE | COMING)
    cards = (await session.scalars(select(Card).where(Card.account_id == account_id, had))).all()
    owed = []
    for product in products.built_in().products:
        strip = product.strip_for(held)
        faces = [card for card in cards if card.product == product.id]
        right = any(not needs_new_face(product, card.strip, held) for card in faces)
        if strip is not None and product.first <= on <= product.last and not right:
            owed.append(FaceOwed(product, strip, bool(faces)))
    return tuple(owed)


async def order(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> tuple[CardOrder, ...]:
    """Order every card that is owed for its face from a bureau; it costs its holder nothing.

    Raises:
        CardInHand: one with the face it should not have is on its way; cancel it first.
        IdentityNotShown: nobody has seen a document that shows who the resident is.
        MoveNotAllowed: the resident is recorded as deceased.
    """
    first = london_date(now)
    placed = []
    for face in await of_account(session, account_id, now=now):
        one = await issuance.renew(
            *(session, vault, account_id),
            product=face.product.id,
            term=issuance.Term(first, frozenset()),
            actor=actor,
            now=now,
        )
        placed.append(one)
    return tuple(placed)
