"""The e-mail address of a resident is changed for them, while they stand at the desk."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import email_change
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/contact.html"
PATH: Final = "/residents/{account_id:uuid}/contact/new"
OPT: Final = {ACT: Act.CHANGE_CONTACT}


@get(PATH, opt=OPT)
async def ask(request: AnyRequest, account_id: FromPath[UUID]) -> Response[str]:
    """Show the empty form."""
    return _form(request, account_id, {}, {})


@post(PATH, status_code=200, opt=OPT)
async def change(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Change it and go back to the record; or say what is wrong."""
    typed = await typed_in(request)
    look = Look(request.user.actor, account_id, "", now)
    email = typed.get("email", "")
    try:
        await email_change.change(session, vault, account_id, email, actor=look.actor, now=now)
    except InvalidDetails as invalid:
        return _form(request, account_id, typed, invalid.faults)
    return see_other(look.address(done="email"))


def _form(
    request: AnyRequest, account_id: UUID, typed: Typed, faults: Mapping[str, str]
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
    )
