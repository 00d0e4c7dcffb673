"""A resident shows on a phone what they hold: a code that is good for a minute."""

import asyncio
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import phones
from cardservice.card_sessions import Means
from cardservice.hotlist import SHOWN_ON_PHONES
from cardservice.web.errors import NoSuchPage
from cardservice.web.pages import page, see_other
from cardservice.web.qr import Drawing, drawing
from cardservice.web.service_words import service_name
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import passes
from entitlements.passes import NotHeld, Shown
from identity import open_sessions
from readers.contract.phone_pass import LIFETIME, in_groups
from readers.contract.services import Service
from readers.contract.windows import london

BASE: Final = "/account/phone"
NEW_CODES: Final = 10
"""How often the page's script fetches a new code before somebody has to ask for one: a page that
was left open keeps nobody signed in."""
_DONE: Final = {
    "lost": _(
        "Codes from your phone are stopped, and every other sign-in has ended. Venues refuse them "
        "once they have the next list"
    ),
}
_SERVICES: Final = {service.value: service for service in SHOWN_ON_PHONES}


@get("/phone")
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Offer a code for each service that is held, and a way to stop them all."""
    account_id = request.user.subject_id
    held = await passes.held(session, account_id, now=now)
    return page(
        request,
        "resident/phone.html",
        services=[(service.value, service_name(service)) for service in held],
        phone=await phones.in_use(session, account_id),
        done=_DONE.get(done, ""),
    )


@post("/phone/{service:str}", status_code=303)
async def begin(
    request: VisitorRequest,
    service: FromPath[str],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Show codes on a phone from now on, and the first one.

    Raises:
        NoSuchPage: no such service.
    """
    wanted = _service(service)
    visitor = request.user
    await phones.begin(session, visitor.subject_id, actor=visitor.actor, now=now)
    return see_other(f"{BASE}/{wanted.value}")


@get("/phone/{service:str}")
async def show_code(
    request: VisitorRequest,
    service: FromPath[str],
    session: NamedDependency[AsyncSession],
    means: NamedDependency[Means],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Show a new code; back to the choice when there is nothing to show.

    Raises:
        NoSuchPage: no such service.
    """
    wanted, visitor = _service(service), request.user
    phone = await phones.in_use(session, visitor.subject_id)
    if phone is None:
        return see_other(BASE)
    shown = await passes.show(
        session,
        means.keystore,
        passes.Phone(visitor.subject_id, phone.id),
        wanted,
        institution=means.institution,
        actor=visitor.actor,
        now=now,
    )
    if isinstance(shown, NotHeld):
        return see_other(BASE)
    picture = await asyncio.to_thread(drawing, shown.text)  # 40 ms in which others go on
    return _code_page(request, wanted, shown, picture, now)


@post("/phone/lost", status_code=303)
async def report_lost(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Stop every code, and end every other sign-in: whoever has the phone may be signed in."""
    visitor = request.user
    await phones.end(session, visitor.subject_id, actor=visitor.actor, now=now)
    await open_sessions.end_others(session, visitor.signed_in, now=now)
    return see_other(f"{BASE}?done=lost")


def _service(name: str) -> Service:
    if name not in _SERVICES:
        raise NoSuchPage("There is no such service.")
    return _SERVICES[name]


def _code_page(
    request: VisitorRequest, service: Service, shown: Shown, picture: Drawing, now: datetime
) -> Response[str]:
    return page(
        request,
        "resident/phone_code.html",
        fetches=True,
        service=service_name(service),
        is_travel=service is Service.TRAVEL,
        drawing=picture,
        text=shown.text,
        grouped=in_groups(shown.text),
        until=f"{london(shown.until):%H:%M:%S}",
        seconds=max(0, int((shown.until - now).total_seconds())),
        lifetime=int(LIFETIME.total_seconds()),
        new_codes=NEW_CODES,
    )
