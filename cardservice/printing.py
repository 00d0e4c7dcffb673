"""What is printed for a holder: the face of a card, drawn from its product and what is known."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import faces, photos, products
from cardservice.faces import Shown
from cardservice.models import Card
from cardservice.photo_models import PhotoStage
from cardservice.products import Product
from entitlements import carriers, rulebooks
from identity import accounts, audit
from identity.actors import Actor
from identity.dates import london_date
from identity.personal import Vault


def product_of(card: Card) -> Product:
    """The product of a card, as it was issued on the day it was ordered."""
    found = products.built_in().product(card.product, london_date(card.created_at))
    if found is None:
        raise LookupError(f"there was no product {card.product} on {card.created_at:%Y-%m-%d}")
    return found


async def face_of(
    session: AsyncSession,
    vault: Vault,
    card: Card,
    name: str,
    *,
    photo_at: str = "",
    actor: Actor,
    now: datetime,
) -> str:
    """The face of a card as SVG; that its code was shown is in the trail.

    Args:
        session: of the request.
        vault: opens what is known.
        card: stored or not.
        name: of its holder, as they write it.
        photo_at: where a page finds the photo; empty to have it inside the face.
        actor: who sees it.
        now: when.
    """
    product, account_id = product_of(card), card.account_id
    printed = await carriers.printed(session, vault, card.id)
    if printed is not None:
        audit.record(
            session, "card-face-shown", audit.subject_of("card", card.id), actor=actor, now=now
        )
    photo = ""
    if await photos.is_there(session, account_id, PhotoStage.CARD):
        photo = photo_at or faces.inside(
            await photos.show(session, vault, account_id, PhotoStage.CARD, actor=actor, now=now)
        )
    number, code = printed or ("", "")
    shown = Shown(
        name=name,
        photo=photo,
        last_day=card.expires_on,
        number=number,
        code=code,
        issuer=await _issuer(session, vault, card, product, now),
        strip=card.strip,
    )
    return faces.face(product, shown)


async def _issuer(
    session: AsyncSession, vault: Vault, card: Card, product: Product, now: datetime
) -> str:
    authorities = (await rulebooks.in_force(session)).authorities
    known = await accounts.known_facts(session, vault, card.account_id)
    on = london_date(now)
    issuer = products.issuer_of(product, authorities, known.district_code or "", on)
    return issuer.name if issuer else ""
