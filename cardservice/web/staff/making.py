"""How far the card on the clerk's own reader is: one page, which looks again by itself.

It shows nothing about the resident, so that looking again and again is no look at the record.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import making
from cardservice.web.pages import page, see_other
from cardservice.web.staff.making_words import making_lines
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from identity.roles import Act

TEMPLATE: Final = "staff/making.html"


@get("/residents/{account_id:uuid}/card/making", opt={ACT: Act.MAKE_CARD})
async def show(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """The steps of the card that is made at this session's reader; of no other."""
    why = reason if reason_of(reason) else ""
    here = f"/staff/residents/{account_id}"
    found = await making.of_resident(session, request.user.signed_in, account_id, now=now)
    if found is None:
        return see_other(f"{here}/card?reason={why}")
    return page(
        request,
        TEMPLATE,
        fetches=True,
        here=here,
        reason=why,
        making=found,
        lines=making_lines(found),
    )
