"""A site asks to sign a resident out: they say whether they want that."""

from datetime import datetime

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.pages import page
from cardservice.web.resident.onward import PAGES, carry, handle_of, lead_on
from cardservice.web.visitors import AnyRequest, Part, no_cookie
from cardservice.web.words import gettext as _
from identity.oidc import logout
from identity.oidc.grants import SignIn
from identity.oidc.onward import address_after_logout
from identity.oidc.provider import Provider


@get(PAGES.sign_out)
async def ask(request: AnyRequest) -> Response[str]:
    """Ask."""
    return page(request, "resident/sign_out.html", action=carry(request, PAGES.sign_out))


@post(PAGES.sign_out, status_code=200)
async def confirm(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Sign them out, and lead them back to the site."""
    handle = handle_of(request)
    outcome = await logout.confirmed(session, provider, handle, sign_in, now=now)
    address = address_after_logout(outcome, PAGES)
    return lead_on(request, address, [no_cookie(Part.RESIDENT)])


@get(PAGES.signed_out)
async def show(request: AnyRequest) -> Response[str]:
    """Say so; a cookie whose session has ended is of no use any more."""
    title = _("You are signed out")
    sentences = [_("You are signed out of your Kent Card account on this device.")]
    if request.user is not None:
        title = _("You are signed in")
        sentences = [_("You are signed in to your Kent Card account on this device.")]
    stale = request.user is None and Part.RESIDENT.cookie in request.cookies
    return page(
        request,
        "problems/plain.html",
        title=title,
        sentences=sentences,
        cookies=[no_cookie(Part.RESIDENT)] if stale else [],
    )
