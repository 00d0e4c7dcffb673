"""A desk that makes cards, and a card made there, without a reader."""

from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, lifecycle, terminals
from cardservice.card_sessions import UID_FIELD
from cardservice.models import Card, Terminal
from cardservice.terminals import Role
from identity import person_keys
from identity.actors import SYSTEM
from identity.personal import Vault
from readers.contract.services import Service
from readers.contract.wire import Purpose


async def enrolled_desk(session: AsyncSession, name: str, *, now: datetime) -> Terminal:
    """A terminal that makes cards and is enrolled."""
    role = Role(
        name=name,
        place="Maidstone Gateway",
        services=(Service.LIBRARY,),
        purposes=(Purpose.PERSONALISE,),
    )
    desk = await terminals.create(session, role, actor=SYSTEM, now=now)
    code = await terminals.new_code(session, desk.id, actor=SYSTEM, now=now)
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return await terminals.enrol(session, code, key, now=now)


async def make_ordered_card(
    session: AsyncSession, vault: Vault, account_id: str, *, now: datetime
) -> Card:
    """What a card session leaves behind when it has made the ordered card."""
    card = await lifecycle.coming_card(session, UUID(account_id))
    assert card is not None
    uid = card.id.bytes[:7]
    personal = await person_keys.for_writing(session, vault, card.account_id)
    card.sealed_uid = personal.seal(Card.__tablename__, "sealed_uid", card.id, uid.hex())
    card.uid_index = vault.blind(UID_FIELD, uid.hex())
    await issuance.complete(session, card, actor=SYSTEM, now=now)
    return card
