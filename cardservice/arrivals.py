"""A card that came by post is put to use by who has it in hand: they type what is printed on it.

Source: NIST SP 800-63B-4 section 3.2.2 for the waits between wrong codes.
"""

import hmac
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle
from cardservice.errors import NoSuchCard
from cardservice.models import Card, CardState
from entitlements import carriers
from identity import audit, throttle
from identity.actors import Actor
from identity.personal import Vault

CODE_DIGITS: Final = carriers.CODE_DIGITS


class NotConfirmed(msgspec.Struct, frozen=True):
    """The card stays as it is.

    Attributes:
        retry_at: before which no code is looked at; None when the code was just wrong.
    """

    retry_at: datetime | None


async def confirm(
    session: AsyncSession, vault: Vault, card_id: UUID, code: str, *, actor: Actor, now: datetime
) -> Card | NotConfirmed:
    """Put a posted card to use, if the code is the one printed on it.

    Raises:
        NoSuchCard: no card with that id, or nothing was printed on it.
        MoveNotAllowed: it was not posted, its last day is over or its holder is dead.
        NotTheirMove: it is not theirs.
    """
    card = await lifecycle.locked(session, card_id)
    lifecycle.check(card, CardState.ACTIVE, actor)
    printed = await carriers.printed(session, vault, card_id)
    if printed is None:
        raise NoSuchCard("Nothing is printed on this card. Ask at a Kent Gateway or library.")
    tried = await throttle.locked_row(session, f"card-arrived:{card_id}")
    if not throttle.may_try(tried, now):
        return NotConfirmed(tried.retry_at)
    typed = "".join(each for each in code if each.isdigit())
    if not hmac.compare_digest(typed.encode(), printed[1].encode()):
        throttle.count_failure(tried, now)
        subject = audit.subject_of("card", card_id)
        audit.record(session, "card-code-wrong", subject, actor=actor, now=now)
        return NotConfirmed(None)
    throttle.forget(tried)
    await lifecycle.move(session, card, CardState.ACTIVE, actor=actor, now=now)
    return card
