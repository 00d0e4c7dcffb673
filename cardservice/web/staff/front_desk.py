"""A clerk waits for a card: the record of whoever taps at their reader opens in their browser."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import front_desk, pairing
from cardservice.web.bus_pass_lines import pass_line
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import ReadReason
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import ASKS_BY_ITSELF, VisitorRequest
from identity.personal import Vault
from identity.roles import Act

LOOK_SECONDS: Final = "2"
"""How soon the browser asks again, with or without JavaScript."""


@get("/front-desk", opt={ACT: Act.VIEW_RECORD, ASKS_BY_ITSELF: True})
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Open the record of whoever tapped; else wait, and look again."""
    own = request.user.signed_in
    account_id = await front_desk.to_open(session, own, now=now)
    if account_id is not None:
        look = Look(request.user.actor, account_id, ReadReason.TAPPED.value, now)
        return see_other(look.address())
    read = await front_desk.pass_read(session, vault, own, now=now)
    readers = await pairing.of_session(session, own, now=now)
    answer = page(
        request,
        "staff/front_desk.html",
        readers=readers,
        read=pass_line(read) if read else None,
    )
    if readers:
        answer.headers["refresh"] = LOOK_SECONDS
    return answer
