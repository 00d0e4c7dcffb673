"""The resident's own page."""

from datetime import datetime
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.pages import page
from cardservice.web.records import record_of
from cardservice.web.resident.share import WITHDRAWN
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts
from identity.errors import NoSuchAccount
from identity.models import Account
from identity.oidc import consents
from identity.personal import Vault


@get("/")
async def own_account(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Show the account of whoever is signed in; no address names an account."""
    visitor = request.user
    person = await accounts.own_record(session, vault, visitor.subject_id, actor=visitor.actor)
    record = await record_of(session, vault, person, now=now)
    return page(
        request,
        "resident/own.html",
        record=record,
        sharing=await consents.sharing_of(session, visitor.subject_id),
        done=_DONE.get(done, ""),
    )


_DONE: Final = {
    "withdrawn": WITHDRAWN,
    "email": _("Your e-mail address is changed. Every other sign-in has ended"),
    "mobile": _("Your mobile number is saved. Every other sign-in has ended"),
    "mobile-removed": _("Your mobile number is removed. Every other sign-in has ended"),
}


async def own_account_row(request: VisitorRequest, session: AsyncSession) -> Account:
    """The account of whoever is signed in.

    Raises:
        NoSuchAccount: it is gone.
    """
    account = await session.get(Account, request.user.subject_id)
    if account is None:
        raise NoSuchAccount("The account of a session is gone.")
    return account
