"""An auditor reads what was done and by whom. Rows hold no personal data."""

from datetime import datetime
from typing import Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.pages import page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from identity import audit_reading
from identity.roles import Act

TEMPLATE: Final = "staff/audit.html"
OPT: Final = {ACT: Act.READ_AUDIT}


@get("/audit", opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """The newest rows."""
    return await _rows(request, session, "", now)


@post("/audit", status_code=200, opt=OPT)
async def narrow(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """The newest rows of one subject, actor or action; what was asked for is in no address."""
    about = (await typed_in(request)).get("about", "")
    return await _rows(request, session, about, now)


async def _rows(
    request: VisitorRequest, session: AsyncSession, about: str, now: datetime
) -> Response[str]:
    rows = await audit_reading.newest(session, about, actor=request.user.actor, now=now)
    return page(request, TEMPLATE, rows=rows, typed={"about": about})
