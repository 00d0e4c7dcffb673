"""At a desk: a resident lost their authenticator app, and a document shows who they are."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, document_shown, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.register import kinds_for
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import accounts, lost_factor
from identity.errors import InvalidDetails, NoSuchAccount
from identity.evidence import Proof
from identity.models import Account
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/lost_app.html"
PATH: Final = "/residents/{account_id:uuid}/app/lost"
OPT: Final = {ACT: Act.FORGET_RESIDENT_APP}


@get(PATH, opt=OPT)
async def ask(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Ask for the document."""
    return _form(request, account_id, reason, {}, {})


@post(PATH, status_code=200, opt=OPT)
async def forget(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Record the document and forget the app; the resident is told at every address they gave."""
    typed, actor = await typed_in(request), request.user.actor
    account = await session.get(Account, account_id)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    try:
        await accounts.sight_document(
            session, vault, account_id, document_shown(typed), Proof.IDENTITY, actor=actor, now=now
        )
    except InvalidDetails as invalid:
        return _form(request, account_id, reason, typed, invalid.faults)
    await lost_factor.forget_at_desk(session, vault, account, actor=actor, now=now)
    return see_other(f"/staff/residents/{account_id}?reason={_known(reason)}&done=app")


def _known(reason: str) -> str:
    """A reason of ours, or nothing: it goes back into an address."""
    return reason if reason_of(reason) else ""


def _form(
    request: AnyRequest, account_id: UUID, reason: str, typed: Typed, faults: dict[str, str]
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=_known(reason),
        kinds=kinds_for(Proof.IDENTITY),
    )
