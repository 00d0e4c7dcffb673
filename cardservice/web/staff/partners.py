"""An administrator sees the partners, and adds the people who sign in for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, typed_in
from cardservice.web.guards import HASHES
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import members, organisations
from identity.errors import InvalidDetails
from identity.roles import Act

PATH: Final = "/partners"
OPT: Final = {ACT: Act.MANAGE_PARTNERS}


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """Every organisation, with what it may ask about and who signs in for it."""
    partners = [
        (
            await organisations.shown(session, each.id),
            await members.listed(session, each.id),
        )
        for each in await organisations.listed(session)
    ]
    words = _("The person is added. They set up an authenticator app when they first sign in")
    return page(
        request, "staff/partners.html", partners=partners, done=words if done == "person" else ""
    )


@get(f"{PATH}/{{organisation_id:uuid}}/people", opt=OPT)
async def ask(
    request: VisitorRequest,
    organisation_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
) -> Response[str]:
    """Ask who signs in for an organisation."""
    return await _form(request, session, organisation_id, {})


@post(f"{PATH}/{{organisation_id:uuid}}/people", status_code=200, opt=OPT | {HASHES: True})
async def add(
    request: VisitorRequest,
    organisation_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Add somebody who signs in for an organisation, or say what is wrong."""
    typed = await typed_in(request)
    username, name, password = (typed.get(each, "") for each in ("username", "name", "password"))
    actor = request.user.actor
    try:
        await members.add(session, organisation_id, username, name, password, actor=actor, now=now)
    except InvalidDetails as invalid:
        return await _form(request, session, organisation_id, typed, invalid.faults)
    return see_other(f"/staff{PATH}?done=person")


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    organisation_id: UUID,
    typed: Typed,
    faults: Mapping[str, str] | None = None,
) -> Response[str]:
    partner = await organisations.shown(session, organisation_id)
    return page(
        request,
        "staff/partner_person.html",
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        organisation=partner.organisation,
    )
