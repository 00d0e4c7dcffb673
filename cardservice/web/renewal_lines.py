"""A resident's cards that end, in the words of their pages."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import products, renewals
from cardservice.models import Card
from cardservice.renewal_models import Renewal, RenewalState
from cardservice.renewal_rules import SETTLED_BY_ANSWER, Asking, Leaving
from cardservice.web.words import gettext as _

TO_DO: Final[Mapping[Asking | Leaving, str]] = {
    Asking.CARD_REPORTED: _(
        "The card is reported lost, stolen or damaged. Report it found, or order a replacement."
    ),
    Asking.USE_NOT_KNOWN: _("We have no record of when you last used it."),
    Asking.USED_LONG_AGO: _("The last use that we have a record of was a while ago."),
    Asking.ADDRESS_NOT_SHOWN: _("We have seen no proof of the address we would post it to."),
    Asking.MAIL_CAME_BACK: _(
        "A card that we posted to you came back. Show proof of your address at a Kent Gateway or "
        "library."
    ),
    Asking.PHOTO_MISSING: _(
        "We have no photo of you. Have one taken at a Kent Gateway or library."
    ),
    Asking.PHOTO_TOO_OLD: _(
        "The photo we have of you is too old. Have one taken at a Kent Gateway or library."
    ),
    Asking.ENTITLEMENT_NOT_KNOWN: _(
        "We do not know yet whether you can have it after that day. Show proof at a Kent Gateway "
        "or library, or apply in your account."
    ),
    Asking.NOT_ORDERED: _("We could not order it by ourselves. Ask at a Kent Gateway or library."),
    Leaving.NOT_ENTITLED: _("As far as we know, you cannot have it after that day."),
    Leaving.NOT_ISSUED: _("This card is not issued any more."),
    Leaving.ON_ITS_WAY: _("Another card is on its way to you already."),
    Leaving.DECEASED: _("The resident is recorded as deceased."),
    Leaving.ERASED: _("The record was erased."),
}
"""Why somebody is asked, and what they can do about it."""
_REASONS: Final = {each.value: each for each in TO_DO}


class RenewalLine(msgspec.Struct, frozen=True):
    """A card that ends or ended.

    Attributes:
        expires_on: its last day.
        state: what became of it.
        why: why its holder is asked, or has no other card.
        can_answer: whether what they say is all that is needed.
    """

    card_id: UUID
    product: str
    expires_on: date
    state: RenewalState
    why: Sequence[str]
    can_answer: bool


async def renewals_of(session: AsyncSession, account_id: UUID) -> tuple[RenewalLine, ...]:
    """Of a resident's cards, the latest first."""
    return tuple(_line(row, card) for row, card in await renewals.of_account(session, account_id))


def lacking(why: Sequence[Asking | Leaving]) -> Sequence[str]:
    """What stands in the way of a card, sentence by sentence."""
    return [TO_DO[each] for each in why]


def _line(row: Renewal, card: Card) -> RenewalLine:
    why = [_REASONS[each] for each in row.reasons if each in _REASONS]
    product = products.built_in().product(card.product, card.expires_on or row.decided_at.date())
    return RenewalLine(
        card_id=card.id,
        product=product.name if product else card.product,
        expires_on=card.expires_on or row.decided_at.date(),
        state=row.state,
        why=lacking(why),
        can_answer=all(each in SETTLED_BY_ANSWER for each in why),
    )
