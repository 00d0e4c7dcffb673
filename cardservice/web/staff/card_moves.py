"""Staff say what became of a card, and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import faces_owed, issuance, replacement
from cardservice.errors import CardError, NoSuchCard
from cardservice.models import Card, CardState
from cardservice.web.forms import Typed, typed_in
from cardservice.web.move_words import Why, allowed
from cardservice.web.pages import see_other
from cardservice.web.staff.resident import Look, record_page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import Visitor, VisitorRequest
from cardservice.web.words import gettext as _
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.roles import Act


@post(
    "/residents/{account_id:uuid}/cards/{card_id:uuid}/move",
    status_code=200,
    opt={ACT: Act.REPORT_CARD},
)
async def move_card(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Say what became of a card; some of it only roles may that make cards.

    Raises:
        NoSuchCard: the resident has no such card.
    """
    look = Look(request.user.actor, account_id, reason, now)
    typed = await typed_in(request)
    card = next((c for c in await issuance.cards_of(session, account_id) if c.id == card_id), None)
    if card is None:
        raise NoSuchCard("This resident has no such card.")
    faults = _faults(request.user, card, typed)
    if not faults:
        try:
            async with session.begin_nested():
                await _move(session, vault, card_id, typed, look)
        except CardError as error:
            faults["cards"] = str(error)
        except InvalidDetails as error:
            faults |= {f"{card_id}.{field}": words for field, words in error.faults.items()}
    if faults:
        return await record_page(request, session, vault, look, faults=faults, typed=typed)
    return see_other(look.address(done="moved"))


@post("/residents/{account_id:uuid}/cards/faces", status_code=200, opt={ACT: Act.MAKE_CARD})
async def order_faces(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Order from a bureau what must be made because of its face."""
    look = Look(request.user.actor, account_id, reason, now)
    try:
        async with session.begin_nested():
            await faces_owed.order(session, vault, account_id, actor=look.actor, now=now)
    except CardError as error:
        faults = {"cards": str(error)}
        return await record_page(request, session, vault, look, faults=faults)
    return see_other(look.address(done="face-ordered"))


def _faults(visitor: Visitor, card: Card, typed: Typed) -> dict[str, str]:
    faults: dict[str, str] = {}
    if typed.get(f"{card.id}.to") not in dict(allowed(card.state, visitor.may)):
        faults[f"{card.id}.to"] = _("Select what became of the card")
    if typed.get(f"{card.id}.why") not in set(Why):
        faults[f"{card.id}.why"] = _("Select how you know")
    return faults


async def _move(
    session: AsyncSession, vault: Vault, card_id: UUID, typed: Typed, look: Look
) -> None:
    await replacement.report(
        session,
        vault,
        card_id,
        CardState(typed[f"{card_id}.to"]),
        crime_reference=typed.get(f"{card_id}.crime_reference", ""),
        why=typed[f"{card_id}.why"],
        actor=look.actor,
        now=look.now,
    )
