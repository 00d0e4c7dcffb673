"""An administrator says who has access, and in which role."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import assisted, staff_access, staff_contact, staff_reset
from identity.errors import InvalidDetails, NoWorkAddress, OwnAccess, PartnerRoleStays
from identity.models import StaffRole
from identity.personal import Vault
from identity.roles import OF_THE_COUNCIL, RIGHTS, WORDS, Act

TEMPLATE: Final = "staff/people.html"
PATH: Final = "/people"
OPT: Final = {ACT: Act.MANAGE_STAFF}


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Everybody, with their role."""
    return await _people(request, session, done=done)


@post(f"{PATH}/{{staff_id:uuid}}/role", status_code=200, opt=OPT)
async def change_role(
    request: VisitorRequest,
    staff_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Give somebody another role."""
    chosen = (await typed_in(request)).get("role", "")
    role = next((role for role in OF_THE_COUNCIL if role.value == chosen), None)
    if role is None:
        return await _people(request, session, faults={"people": _("Select a role")})
    actor = request.user.actor
    try:
        await staff_access.change_role(session, staff_id, role, actor=actor, now=now)
    except (OwnAccess, PartnerRoleStays) as error:
        return await _people(request, session, faults={"people": str(error)})
    return see_other("/staff/people?done=role")


@post(f"{PATH}/{{staff_id:uuid}}/own-account", status_code=200, opt=OPT)
async def set_own_account(
    request: VisitorRequest,
    staff_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Say which account somebody has as a resident, so that they never act for themselves."""
    number = (await typed_in(request)).get("number", "")
    actor = request.user.actor
    try:
        await assisted.set_own_account(session, staff_id, number, actor=actor, now=now)
    except InvalidDetails as invalid:
        return await _people(request, session, faults={"people": invalid.faults["number"]})
    return see_other("/staff/people?done=own-account")


@post([f"{PATH}/{{staff_id:uuid}}/end", f"{PATH}/{{staff_id:uuid}}/restore"], opt=OPT)
async def change_access(
    request: VisitorRequest,
    staff_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """End somebody's access, or restore it."""
    active = request.scope["path"].endswith("/restore")
    actor = request.user.actor
    try:
        await staff_access.set_active(session, staff_id, active=active, actor=actor, now=now)
    except OwnAccess as error:
        return await _people(request, session, faults={"people": str(error)})
    return see_other(f"/staff/people?done={'restored' if active else 'ended'}")


@post(f"{PATH}/{{staff_id:uuid}}/email", status_code=200, opt=OPT)
async def set_email(
    request: VisitorRequest,
    staff_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Note where somebody is reached."""
    email = (await typed_in(request)).get("email", "")
    actor = request.user.actor
    try:
        await staff_contact.set_email(session, vault, staff_id, email, actor=actor, now=now)
    except InvalidDetails as invalid:
        return await _people(request, session, faults={"people": invalid.faults["email"]})
    except OwnAccess as error:
        return await _people(request, session, faults={"people": str(error)})
    return see_other("/staff/people?done=email")


@post(f"{PATH}/{{staff_id:uuid}}/reset", status_code=200, opt=OPT)
async def reset_password(
    request: VisitorRequest,
    staff_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Have a code sent to somebody, with which they choose a new password; it is not shown."""
    actor = request.user.actor
    try:
        sent = await staff_reset.start(session, vault, staff_id, actor=actor, now=now)
    except (NoWorkAddress, OwnAccess) as error:
        return await _people(request, session, faults={"people": str(error)})
    if not sent:
        words = _("Enough codes were sent to them. Wait a quarter of an hour")
        return await _people(request, session, faults={"people": words})
    return see_other("/staff/people?done=reset")


async def _people(
    request: VisitorRequest,
    session: AsyncSession,
    *,
    faults: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        members=await staff_access.members(session),
        roles=[role.value for role in OF_THE_COUNCIL],
        rights={role: [WORDS[act] for act in Act if act in RIGHTS[role]] for role in StaffRole},
        done=_DONE.get(done, ""),
    )


_DONE: Final = {
    "role": _("The role is changed. They must sign in again"),
    "own-account": _("Their own account is noted. They cannot act for themselves"),
    "ended": _("Their access has ended"),
    "restored": _("Their access is restored"),
    "email": _("Their work e-mail address is noted. They were told there"),
    "reset": _("A code was sent to them. With it they choose a new password, which you never see"),
}
