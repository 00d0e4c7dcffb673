"""Issue a card now: the photo, the clerk's own reader, a look at the face, and the order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, letters, lifecycle, making, pairing, photos, printing, replacement
from cardservice.errors import CardError, DeskBusy, NotADesk, NotYourDesk
from cardservice.models import Card, CardState
from cardservice.pairing import Paired
from cardservice.photo_models import PhotoStage
from cardservice.products import KENT_CARD
from cardservice.web.charge_lines import price_words
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import TO_CHOOSE, in_words
from cardservice.web.staff.resident import ASK_REASON, Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts
from identity.dates import london_date
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/issue.html"
PATH: Final = "/residents/{account_id:uuid}/card"
OPT: Final = {ACT: Act.MAKE_CARD}


class Ready(msgspec.Struct, frozen=True):
    """What there is of what a card needs.

    Attributes:
        desk: the clerk's reader that makes cards.
        photo: whether there is one.
        shown: whether somebody has seen who the resident is.
        card: the one they have; None if they have none.
        coming: the one that is ordered; None if there is none.
    """

    desk: Paired | None
    photo: bool
    shown: bool
    card: Card | None
    coming: Card | None


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[str]:
    """What is there, what is not, and how the card will look or looks."""
    look = Look(request.user.actor, account_id, reason, now)
    return await _page(request, session, vault, look, {})


@post(PATH, status_code=200, opt=OPT)
async def issue(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Order the card at the clerk's own reader and go where its making is shown."""
    look = Look(request.user.actor, account_id, reason, now)
    replaces = (await typed_in(request)).get("replace") == "yes"
    ready = await _ready(request, session, vault, look)
    faults = {}
    if ready.desk is None:
        faults["reader"] = _("Pair a reader that makes cards with your browser first")
    if not ready.photo:
        faults["photo"] = _("Take or choose a photo first")
    if ready.desk is not None and not faults:
        try:
            async with session.begin_nested():
                await _order(session, vault, look, ready, ready.desk, replaces=replaces)
        except (DeskBusy, NotADesk, NotYourDesk) as error:
            faults["reader"] = str(error)
        except CardError as error:
            faults["card"] = str(error)
    if faults:
        return await _page(request, session, vault, look, faults)
    why = look.reason if look.why else ""
    return see_other(f"/staff/residents/{account_id}/card/making?reason={why}")


async def _order(
    session: AsyncSession, vault: Vault, look: Look, ready: Ready, desk: Paired, *, replaces: bool
) -> None:
    """Order one; have one that is ordered made here; or replace the one there is, if asked to."""
    at, actor, now = desk.terminal_id, look.actor, look.now
    if ready.coming is not None:
        await issuance.bring(session, ready.coming.id, at, desk.id, actor=actor, now=now)
    elif ready.card is not None and replaces:
        await replacement.replace(
            session, vault, look.account_id, at, actor=actor, now=now, pairing_id=desk.id
        )
    else:
        await issuance.order(
            session, vault, look.account_id, at, actor=actor, now=now, pairing_id=desk.id
        )


async def _ready(request: VisitorRequest, session: AsyncSession, vault: Vault, look: Look) -> Ready:
    account_id = look.account_id
    coming = await lifecycle.coming_card(session, account_id, KENT_CARD)
    return Ready(
        desk=await pairing.desk_of(session, request.user.signed_in, now=look.now),
        photo=await photos.is_there(session, account_id, PhotoStage.CARD),
        shown=await issuance.may_be_ordered_for(session, vault, account_id),
        card=await lifecycle.live_card(session, account_id, KENT_CARD),
        coming=coming if coming and coming.state is CardState.ORDERED else None,
    )


def _price(card: Card | None, now: datetime) -> str:
    """What taking the place of a card costs; empty where there is none to replace."""
    move = lifecycle.MOVES.get((card.state, CardState.REPLACED)) if card else None
    if card is None or move is None:
        return ""
    told = card.sealed_crime_reference is not None
    return price_words(move.charge, has_crime_reference=told, on=london_date(now))


async def _page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    look: Look,
    faults: Mapping[str, str],
) -> Response[str]:
    if not look.why:
        choices = [(choice.value, in_words(choice)) for choice in TO_CHOOSE]
        return page(request, ASK_REASON, typed={}, reasons=choices)
    account_id, actor, now = look.account_id, look.actor, look.now
    person = await accounts.person(
        session, vault, account_id, actor=actor, reason=look.why, now=now
    )
    ready = await _ready(request, session, vault, look)
    made = await making.of_resident(session, request.user.signed_in, account_id, now=now)
    card = ready.coming or ready.card
    if card is None:
        card = await issuance.new_card(session, vault, account_id, KENT_CARD, now=now)
    here = f"/staff/residents/{account_id}"
    face = await printing.face_of(
        session,
        vault,
        card,
        person.full_name,
        photo_at=f"{here}/photo/{PhotoStage.CARD}",
        actor=actor,
        now=now,
    )
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        here=here,
        reason=look.reason,
        person=person,
        ready=ready,
        card=card,
        face=face,
        made=made,
        price=_price(ready.card, now),
        can_write=letters.can_write(" ".join((person.full_name, *person.address_lines))),
    )
