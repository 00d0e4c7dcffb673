"""Residents and staff see where they are signed in, and end what they do not know."""

from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import open_sessions
from identity.roles import Act

_DONE: Final = {
    "one": _("The sign-in has ended"),
    "others": _("Every other sign-in has ended"),
}


@get("/sign-ins", opt={ACT: Act.OWN_SIGN_IN})
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """List the visitor's own open sign-ins."""
    own = await open_sessions.of_owner(session, request.user.signed_in, now=now)
    return page(
        request,
        "sign_ins.html",
        own=own,
        at=request.scope["path"].rstrip("/"),
        done=_DONE.get(done, ""),
    )


@post("/sign-ins/{session_id:uuid}/end", status_code=303, opt={ACT: Act.OWN_SIGN_IN})
async def end_one(
    request: VisitorRequest,
    session_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """End one; of one that is ended already, or nobody's, the list says enough."""
    await open_sessions.end_one(session, request.user.signed_in, session_id, now=now)
    return see_other(f"{request.scope['path'].split('/sign-ins/')[0]}/sign-ins?done=one")


@post("/sign-ins/end-others", status_code=303, opt={ACT: Act.OWN_SIGN_IN})
async def end_others(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """End all but the one in use."""
    await open_sessions.end_others(session, request.user.signed_in, now=now)
    return see_other(f"{request.scope['path'].split('/sign-ins/')[0]}/sign-ins?done=others")
