"""Residents whom a site sent here go on to it after they sign in, agree or sign out.

The handle of the request that waits is all that travels in addresses: where the site is, the server
knows. A form never redirects to another site, because browsers hold a page's `form-action` against
redirects too (CSP Level 3 section 6.4.2); a page that takes the browser on stands between.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from cardservice.web.pages import page, see_other
from cardservice.web.visitors import AnyRequest
from identity.details import LONGEST_EMAIL
from identity.oidc import authorize
from identity.oidc.authorize import NeedsSignIn, TooLate
from identity.oidc.onward import OidcPages, with_request
from identity.oidc.provider import Endpoint

PAGES: Final = OidcPages("/sign-in", "/share", "/sign-out", "/signed-out")
_HANDLE: Final = re.compile(r"[\w-]{20,64}", re.ASCII)


def handle_of(request: AnyRequest) -> str:
    """The handle that the address carries; empty without one, or for what is none."""
    handle = request.query_params.get("request", "")
    return handle if _HANDLE.fullmatch(handle) else ""


def carry(request: AnyRequest, path: str) -> str:
    """A path of ours with the handle that this address carries."""
    handle = handle_of(request)
    return with_request(path, handle) if handle else path


class Asks(msgspec.Struct, frozen=True):
    """The site that somebody who signs in is on the way to, as the pages show it.

    Attributes:
        client_name: empty for one we do not know.
        too_late: they cannot go on to it from here.
        two_factors: it takes no sign-in with one factor.
        login_hint: an e-mail address, as far as the site knows; empty without one.
    """

    client_name: str
    too_late: bool
    two_factors: bool = False
    login_hint: str = ""


async def note_who_asks(request: AnyRequest) -> None:
    """Hook before every page of the sign-in: look up who sent the visitor, for `sign_in_page`."""
    handle = handle_of(request)
    if handle:
        state = request.app.state
        async with state.database.transaction() as session:
            found = await authorize.who_asks(session, state.vault, handle, now=state.clock())
        request.state.asks = _shown(found)


def sign_in_page(
    request: AnyRequest,
    template: str,
    *,
    faults: dict[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    **context: Any,  # noqa: ANN401  (whatever the template shows)
) -> Response[str]:
    """A page of the sign-in: it says who asks, and its forms and links carry the handle on.

    The site's hint fills an empty field in and does nothing else: nobody is looked up by it.
    """
    asks: Asks | None = getattr(request.state, "asks", None)
    hinted = {"email": asks.login_hint} if asks and asks.login_hint else {}
    return page(
        request,
        template,
        status=422 if faults else 200,
        faults=faults,
        typed={**hinted, **(typed or {})},
        asks=asks,
        carried=str if asks and asks.too_late else partial(carry, request),
        **context,
    )


def _shown(found: NeedsSignIn | TooLate) -> Asks:
    if isinstance(found, TooLate):
        return Asks(found.client_name, too_late=True)
    hint = found.login_hint if "@" in found.login_hint else ""
    hint = hint if len(hint) <= LONGEST_EMAIL else ""
    return Asks(found.client_name, too_late=False, two_factors=found.two_factors, login_hint=hint)


def after_sign_in(request: AnyRequest, cookies: Iterable[Cookie]) -> Response[Any]:
    """Lead somebody who just signed in to their account, or on to the site that asked."""
    handle = handle_of(request)
    if not handle:
        return see_other("/account", cookies=cookies)
    return lead_on(request, with_request(Endpoint.RESUME.value, handle), cookies)


def lead_on(request: AnyRequest, address: str, cookies: Iterable[Cookie] = ()) -> Response[str]:
    """A page that takes the browser to an address the server chose."""
    return page(request, "resident/onward.html", address=address, cookies=cookies)
