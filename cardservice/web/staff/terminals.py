"""How every card reader of the county is: what needs a visit comes first."""

from datetime import datetime

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import terminal_health
from cardservice.web.pages import page
from cardservice.web.staff.rights import ACT
from cardservice.web.terminal_lines import terminal_line
from cardservice.web.visitors import VisitorRequest
from identity.roles import Act


@get("/terminals", opt={ACT: Act.SEE_TERMINALS})
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Every terminal, as it last said it was."""
    standings = await terminal_health.standings(session, now=now)
    return page(request, "staff/terminals.html", lines=[terminal_line(each) for each in standings])
