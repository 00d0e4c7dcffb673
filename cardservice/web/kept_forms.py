"""What somebody typed into a form that could not be taken, so that they need not type it again.

It is kept in the answer alone, never on the server, and only of a form that the browser says one of
our own pages sent: another site could otherwise have it sent on.
"""

from collections.abc import Mapping
from typing import Any, Final

from litestar.connection import ASGIConnection

from cardservice.web.forms import typed_in
from cardservice.web.origins import is_surely_ours
from cardservice.web.visitors import AnyRequest

_KEPT: Final = "kent_kept"
_NEVER: Final = frozenset({"csrf_token", "password", "code", "credential", "offer"})


async def what_to_keep(request: AnyRequest) -> Mapping[str, str]:
    """The fields to send again; none of a form that may not be ours, and no secrets."""
    if request.method != "POST" or not is_surely_ours(request):
        return {}
    return {name: text for name, text in (await typed_in(request)).items() if name not in _NEVER}


async def keep(request: AnyRequest) -> None:
    """Remember what was typed, for a page that says why the form could not be taken."""
    request.scope["state"][_KEPT] = await what_to_keep(request)


def kept_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Mapping[str, str]:
    """What `keep` remembered of this request; nothing before it did."""
    kept: Mapping[str, str] = connection.scope["state"].get(_KEPT, {})
    return kept
