"""What staff do with a resident's cards."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, replacement, updates
from cardservice.errors import CardError, DeskBusy, NoSuchCard, NotADesk, NotYourDesk
from cardservice.models import CardOrder, OrderState
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.staff.resident import Look, record_page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.actors import Actor
from identity.personal import Vault
from identity.roles import Act

PATH: Final = "/residents/{account_id:uuid}/cards"
NEEDS_DESK: Final = frozenset({"order", "replace"})


@post(f"{PATH}/order", status_code=200, opt={ACT: Act.MAKE_CARD})
async def order_card(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Order a resident's first card, or one after a card that failed."""
    look = Look(request.user.actor, account_id, reason, now)
    return await _answer(request, session, vault, look, "order", None)


@post(
    [f"{PATH}/{{card_id:uuid}}/{change}" for change in ("lost", "found")],
    status_code=200,
    opt={ACT: Act.REPORT_CARD},
)
async def report_card(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Report a card lost or found.

    Raises:
        NoSuchCard: the resident has no such card.
    """
    look = Look(request.user.actor, account_id, reason, now)
    return await _change(request, session, vault, look, card_id)


@post(
    [f"{PATH}/{{card_id:uuid}}/{change}" for change in ("replace", "rewrite", "cancel")],
    status_code=200,
    opt={ACT: Act.MAKE_CARD},
)
async def change_card(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Replace a card, write it again, or cancel it before it is made.

    Raises:
        NoSuchCard: the resident has no such card.
    """
    look = Look(request.user.actor, account_id, reason, now)
    return await _change(request, session, vault, look, card_id)


DONE: Final = {
    "order": "ordered",
    "lost": "lost",
    "found": "found",
    "replace": "replaced",
    "rewrite": "rewrite",
    "cancel": "cancelled",
}
"""What can be done -> the word that says it was."""


async def _change(
    request: VisitorRequest, session: AsyncSession, vault: Vault, look: Look, card_id: UUID
) -> Response[Any]:
    """The change is the last word of the address."""
    if all(card.id != card_id for card in await issuance.cards_of(session, look.account_id)):
        raise NoSuchCard("This resident has no such card.")
    change = request.scope["path"].rsplit("/", 1)[1]
    return await _answer(request, session, vault, look, change, card_id)


async def _answer(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    look: Look,
    change: str,
    card_id: UUID | None,
) -> Response[Any]:
    """Do it and go back to the record; or show the record with what stands in the way."""
    typed = await typed_in(request)
    desk = _id(typed.get("desk", ""))
    faults: dict[str, str] = {}
    if change in NEEDS_DESK and desk is None:
        faults["desk"] = _("Select the desk where the card will be made")
    else:
        try:
            async with session.begin_nested():  # all of it or nothing: a replacement is two steps
                await _do(session, vault, look, change, card_id, desk)
        except (DeskBusy, NotADesk, NotYourDesk) as error:
            faults["desk"] = str(error)
        except CardError as error:
            faults["cards"] = str(error)
    if faults:
        return await record_page(request, session, vault, look, faults=faults, typed=typed)
    return see_other(look.address(done=DONE[change]))


async def _do(
    session: AsyncSession,
    vault: Vault,
    look: Look,
    change: str,
    card_id: UUID | None,
    desk: UUID | None,
) -> None:
    actor, now = look.actor, look.now
    match change, card_id, desk:
        case "order", None, UUID():
            await issuance.order(session, vault, look.account_id, desk, actor=actor, now=now)
        case "replace", UUID(), UUID():
            await replacement.replace(session, vault, look.account_id, desk, actor=actor, now=now)
        case "lost", UUID(), _:
            await replacement.report_lost(session, card_id, actor=actor, now=now)
        case "found", UUID(), _:
            await replacement.found(session, card_id, actor=actor, now=now)
        case "rewrite", UUID(), _:
            await updates.rewrite(session, card_id, actor=actor, now=now)
        case "cancel", UUID(), _:
            await _cancel(session, card_id, actor=actor, now=now)
        case _:
            raise NoSuchPage("No such thing is done with a card.")


async def _cancel(session: AsyncSession, card_id: UUID, *, actor: Actor, now: datetime) -> None:
    waiting = select(CardOrder.id).where(
        CardOrder.card_id == card_id, CardOrder.state == OrderState.WAITING
    )
    order_id = await session.scalar(waiting)
    if order_id is None:
        raise NoSuchCard("No order waits for this card.")
    await issuance.cancel(session, order_id, actor=actor, now=now)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
