"""A resident orders a card, puts it to use, says what became of it and asks for another."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import arrivals, issuance, lifecycle, replacement
from cardservice.arrivals import NotConfirmed
from cardservice.errors import CardError, CardInHand, NoSuchCard
from cardservice.models import Card, CardState
from cardservice.settings import Settings
from cardservice.web.card_lines import price_of_another
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.dates import london_date
from identity.errors import InvalidDetails
from identity.personal import Vault

ORDER: Final = "resident/card_order.html"
REPORT: Final = "resident/card_report.html"
ACTIVATE: Final = "resident/card_activate.html"
REPLACE: Final = "resident/card_replace.html"
REPORTS: Final = {
    CardState.LOST: _("I lost it"),
    CardState.STOLEN: _("It was stolen"),
    CardState.DAMAGED: _("It is damaged or does not work"),
}
"""What a resident can say became of a card they have."""


@get("/card/order")
async def ask_order(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
) -> Response[str]:
    """Say what is ordered and where it goes; or what stands in the way."""
    return await _order_page(request, session, vault, settings)


@post("/card/order", status_code=200)
async def order(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Order the visitor's first card, or one after a card that ended; it comes by post."""
    visitor = request.user
    try:
        async with session.begin_nested():
            await issuance.order(
                session, vault, visitor.subject_id, None, actor=visitor.actor, now=now
            )
    except CardError:  # the page says what stands in the way
        return await _order_page(request, session, vault, settings, status=422)
    return see_other("/account/requests?done=card-ordered")


@get("/card/{card_id:uuid}/report")
async def ask_report(
    request: VisitorRequest, card_id: FromPath[UUID], session: NamedDependency[AsyncSession]
) -> Response[Any]:
    """Ask what became of a card."""
    card = await _own(session, request, card_id)
    return _report_page(request, card)


@post("/card/{card_id:uuid}/report", status_code=200)
async def report(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Stop a card; readers refuse it from now on."""
    card = await _own(session, request, card_id)
    typed = await typed_in(request)
    to = dict(_choices(card)).get(typed.get("what", ""))
    if to is None:
        faults = {"what": _("Select what became of your card")}
        return _report_page(request, card, status=422, faults=faults, typed=typed)
    try:
        async with session.begin_nested():
            await replacement.report(
                session,
                vault,
                card_id,
                CardState(typed["what"]),
                crime_reference=typed.get("crime_reference", ""),
                actor=request.user.actor,
                now=now,
            )
    except InvalidDetails as error:
        return _report_page(request, card, status=422, faults=dict(error.faults), typed=typed)
    return see_other(f"/account?done={typed['what']}")


@post("/card/{card_id:uuid}/found", status_code=303)
async def found(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A lost card can be used again."""
    card = await _own(session, request, card_id)
    if CardState.ACTIVE not in lifecycle.holder_can(card.state) or card.state is not CardState.LOST:
        return see_other("/account")
    try:
        async with session.begin_nested():
            await replacement.found(session, card_id, actor=request.user.actor, now=now)
    except CardError:
        return see_other("/account")
    return see_other("/account?done=found")


@get("/card/{card_id:uuid}/activate")
async def ask_activate(
    request: VisitorRequest, card_id: FromPath[UUID], session: NamedDependency[AsyncSession]
) -> Response[Any]:
    """Ask for the code on a card that came by post."""
    card = await _own(session, request, card_id)
    if card.state is not CardState.DISPATCHED:
        return see_other("/account")
    return page(request, ACTIVATE, typed={}, card_id=card_id)


@post("/card/{card_id:uuid}/activate", status_code=200)
async def activate(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Put it to use, if the code is the one printed on it."""
    await _own(session, request, card_id)
    typed = await typed_in(request)
    if not typed.get("code", "").strip():
        return _activate_page(request, card_id, _("Enter the code on your card"))
    try:
        answer = await arrivals.confirm(
            session, vault, card_id, typed["code"], actor=request.user.actor, now=now
        )
    except CardError:
        return see_other("/account")
    if isinstance(answer, NotConfirmed):
        wait = answer.retry_at is not None
        return _activate_page(request, card_id, _TOO_OFTEN if wait else _WRONG)
    return see_other("/account?done=activated")


@post("/card/{card_id:uuid}/missing", status_code=303)
async def missing(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A posted card never came: it is refused for ever, and another can be ordered."""
    card = await _own(session, request, card_id)
    if card.state is not CardState.DISPATCHED:
        return see_other("/account")
    card = await lifecycle.locked(session, card_id)
    await lifecycle.move(session, card, CardState.DESTROYED, actor=request.user.actor, now=now)
    return see_other("/account/card/order")


@get("/card/{card_id:uuid}/replace")
async def ask_replace(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Say what another card costs, before it is asked for."""
    card = await _own(session, request, card_id)
    if not _is_replaced_for_holder(card):
        return see_other("/account")
    return _replace_page(request, card, now)


@post("/card/{card_id:uuid}/replace", status_code=200)
async def replace(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """End the card for ever and order another, which comes by post."""
    card = await _own(session, request, card_id)
    if not _is_replaced_for_holder(card):
        return see_other("/account")
    visitor = request.user
    try:
        async with session.begin_nested():
            await replacement.replace(
                session,
                vault,
                visitor.subject_id,
                None,
                product=card.product,
                actor=visitor.actor,
                now=now,
            )
    except CardError as error:
        await session.refresh(card)
        words = _ON_ITS_WAY if isinstance(error, CardInHand) else str(error)
        return _replace_page(request, card, now, status=422, faults={"card": words})
    return see_other("/account/requests?done=card-replaced")


_ON_ITS_WAY: Final = _("Another card is on its way to you already. Use that one when it has come")
_WRONG: Final = _("The code is wrong. Enter the 6 numbers after “Code” on your card")
_TOO_OFTEN: Final = _("You entered a wrong code too often. Wait a few minutes, then try again")


async def _own(session: AsyncSession, request: VisitorRequest, card_id: UUID) -> Card:
    """A card of the visitor's.

    Raises:
        NoSuchCard: it is nobody's, or somebody else's.
    """
    card = await session.get(Card, card_id)
    if card is None or card.account_id != request.user.subject_id:
        raise NoSuchCard("You have no such card.")
    return card


async def _order_page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    *,
    status: int = 200,
) -> Response[str]:
    account_id = request.user.subject_id
    blocking = await lifecycle.live_card(session, account_id)
    blocking = blocking or await lifecycle.coming_card(session, account_id)
    return page(
        request,
        ORDER,
        status=status,
        identity_shown=await issuance.may_be_ordered_for(session, vault, account_id),
        blocking=blocking,
        council=settings.council,
    )


def _report_page(
    request: VisitorRequest,
    card: Card,
    *,
    status: int = 200,
    faults: Typed | None = None,
    typed: Typed | None = None,
) -> Response[Any]:
    choices = _choices(card)
    if not choices:
        return see_other("/account")
    return page(
        request,
        REPORT,
        status=status,
        faults=faults or {},
        typed=typed or {},
        card_id=card.id,
        choices=choices,
    )


def _choices(card: Card) -> list[tuple[str, str]]:
    can = lifecycle.holder_can(card.state)
    return [(to.value, words) for to, words in REPORTS.items() if to in can]


def _activate_page(request: VisitorRequest, card_id: UUID, fault: str) -> Response[Any]:
    faults = {"code": fault}
    return page(request, ACTIVATE, status=422, faults=faults, typed={}, card_id=card_id)


def _replace_page(
    request: VisitorRequest,
    card: Card,
    now: datetime,
    *,
    status: int = 200,
    faults: Typed | None = None,
) -> Response[Any]:
    return page(
        request,
        REPLACE,
        status=status,
        faults=faults or {},
        card_id=card.id,
        price=price_of_another(card, london_date(now)),
        is_damaged=card.state is CardState.DAMAGED,
    )


def _is_replaced_for_holder(card: Card) -> bool:
    """Only what became of a card lets its holder replace it: one that works is used."""
    move = lifecycle.MOVES.get((card.state, CardState.REPLACED))
    return move is not None and move.holder and move.charge is not None
