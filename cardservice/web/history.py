"""Everything a resident was given so far, and what became of it."""

from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.apply import OPT
from cardservice.web.grant_lines import grant_lines
from cardservice.web.pages import page
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import whose_of

TEMPLATE: Final = "apply/history.html"


@get("/history", opt=OPT)
async def show(request: VisitorRequest, session: NamedDependency[AsyncSession]) -> Response[str]:
    """Show each grant with its moves."""
    whose = whose_of(request)
    lines = await grant_lines(session, whose.account_id)
    return page(request, TEMPLATE, back=whose.base, lines=lines)
