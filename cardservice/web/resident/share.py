"""Residents say whether a partner may see their information, and change their mind later."""

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.resident.onward import PAGES, handle_of, lead_on
from cardservice.web.visitors import AnyRequest, VisitorRequest
from cardservice.web.words import gettext as _
from identity.errors import SignInRequestRefused
from identity.oidc import authorize, consents
from identity.oidc.authorize import ErrorPage
from identity.oidc.grants import SignIn
from identity.oidc.onward import address_after, with_request
from identity.oidc.provider import Endpoint, Provider

AGREE = "agree"
ASK = "resident/share.html"


@get(PAGES.consent)
async def ask(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Say what the site would see, and ask."""
    handle = handle_of(request)
    if request.user is None:
        return see_other(with_request(Endpoint.RESUME.value, handle))
    asked = await authorize.consent_asked(session, provider, handle, now=now)
    if isinstance(asked, ErrorPage):
        raise SignInRequestRefused(asked.refused.description)
    return page(request, ASK, asked=asked)


@post(PAGES.consent, status_code=200)
async def answer(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the answer back to the site; whatever is not a yes is a no."""
    handle, typed = handle_of(request), await typed_in(request)
    if sign_in is None:
        return see_other(with_request(Endpoint.RESUME.value, handle))
    if typed.get("answer") == AGREE:
        outcome = await authorize.agree(session, provider, handle, sign_in, now=now)
    else:
        outcome = await authorize.decline(session, provider, handle, now=now)
    return lead_on(request, address_after(outcome, PAGES))


@post("/sharing/{client_id:str}/withdraw", status_code=303)
async def withdraw(
    request: VisitorRequest,
    client_id: FromPath[str],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Stop sharing; where nothing is shared the account page says enough."""
    own = request.user
    await consents.withdraw(session, own.subject_id, client_id, actor=own.actor, now=now)
    return see_other("/account/information?done=withdrawn#sharing")


WITHDRAWN = _("The service cannot see your information from Kent Card any more")
