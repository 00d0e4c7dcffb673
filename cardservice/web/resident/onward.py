"""Residents whom a site sent here go on to it after they sign in, agree or sign out.

The handle of the request that waits is all that travels in addresses: where the site is, the server
knows. A form never redirects to another site, because browsers hold a page's `form-action` against
redirects too (CSP Level 3 section 6.4.2); a page that takes the browser on stands between.
"""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from litestar import Response
from litestar.datastructures import Cookie

from cardservice.web.pages import page, see_other
from cardservice.web.visitors import AnyRequest
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


def sign_in_page(
    request: AnyRequest,
    template: str,
    *,
    faults: dict[str, str] | None = None,
    **context: Any,  # noqa: ANN401  (whatever the template shows)
) -> Response[str]:
    """A page of the sign-in, whose forms and links carry the handle on."""
    status = 422 if faults else 200
    carried = partial(carry, request)
    return page(request, template, status=status, faults=faults, carried=carried, **context)


def after_sign_in(request: AnyRequest, cookies: Iterable[Cookie]) -> Response[Any]:
    """Lead somebody who just signed in to their account, or on to the site that asked."""
    handle = handle_of(request)
    if not handle:
        return see_other("/account", cookies=cookies)
    return lead_on(request, with_request(Endpoint.RESUME.value, handle), cookies)


def lead_on(request: AnyRequest, address: str, cookies: Iterable[Cookie] = ()) -> Response[str]:
    """A page that takes the browser to an address the server chose."""
    return page(request, "resident/onward.html", address=address, cookies=cookies)
