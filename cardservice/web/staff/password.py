"""A member of staff changes their own password, after showing who they are."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.guards import HASHES, recently_proved
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import staff_password
from identity.errors import InvalidDetails, NoSuchStaff
from identity.models import StaffMember
from identity.passwords import SHORTEST
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/password.html"
OPT: Final = {ACT: Act.CHANGE_OWN_SIGN_IN}


@get("/password", guards=[recently_proved], opt=OPT)
async def ask(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """Ask for the new password."""
    staff = await _own(request, session)
    words = _("Your password was changed. Every other sign-in of yours has ended")
    return _form(request, staff, done=words if done else "")


@post("/password", status_code=200, guards=[recently_proved], opt=OPT | {HASHES: True})
async def change(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Change it, or say what is wrong with it."""
    password, staff = (await typed_in(request)).get("password", ""), await _own(request, session)
    own = request.user.signed_in
    try:
        await staff_password.change(session, vault, staff, password, own=own, now=now)
    except InvalidDetails as error:
        return _form(request, staff, faults=error.faults)
    return see_other("/staff/password?done=changed")


async def _own(request: VisitorRequest, session: AsyncSession) -> StaffMember:
    staff = await session.get(StaffMember, request.user.subject_id, with_for_update=True)
    if staff is None:
        raise NoSuchStaff("The member of staff of a session is gone.")
    return staff


def _form(
    request: VisitorRequest,
    staff: StaffMember,
    *,
    faults: dict[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        username=staff.username,
        shortest=SHORTEST,
        done=done,
    )
