"""A resident tells staff that they lost the phone they show codes on."""

from datetime import datetime
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import phones
from cardservice.web.pages import see_other
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from identity import sessions
from identity.roles import Act
from identity.signin_models import SessionKind


@post("/residents/{account_id:uuid}/phone/lost", status_code=303, opt={ACT: Act.REPORT_CARD})
async def report_lost(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[None]:
    """Stop every code, and end every sign-in: whoever has the phone may be signed in.

    Raises:
        NoSuchAccount: no account with that id.
    """
    look = Look(request.user.actor, account_id, reason, now)
    await phones.end(session, account_id, actor=look.actor, now=now)
    await sessions.end_all(session, account_id, SessionKind.RESIDENT, actor=look.actor, now=now)
    return see_other(look.address(done="phone-lost"))
