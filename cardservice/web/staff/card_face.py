"""What is printed on a card: for whoever makes it, and each look is in the trail."""

from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Card
from cardservice.web.errors import NoSuchPage
from cardservice.web.pages import page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from entitlements import carriers
from identity import audit
from identity.personal import Vault
from identity.roles import Act

_GROUPS: Final = ((0, 1), (1, 5), (5, 9), (9, 14))


@get(
    "/residents/{account_id:uuid}/cards/{card_id:uuid}/face",
    opt={ACT: Act.MAKE_CARD},
)
async def show_face(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[str]:
    """The number and the code to print on a card that was made.

    Raises:
        NoSuchPage: the resident has no such card, or nothing is to be printed on it.
    """
    card = await session.get(Card, card_id)
    mine = card is not None and card.account_id == account_id
    printed = await carriers.printed(session, vault, card_id) if mine else None
    if printed is None:
        raise NoSuchPage("There is nothing to print on this card.")
    subject = audit.subject_of("card", card_id)
    audit.record(session, "card-face-shown", subject, actor=request.user.actor, now=now)
    number, code = printed
    return page(
        request,
        "staff/card_face.html",
        number=" ".join(number[first:last] for first, last in _GROUPS),
        code=code,
        here=f"/staff/residents/{account_id}",
        reason=reason,
    )
