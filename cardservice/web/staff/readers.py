"""The readers that serve this clerk's browser: paired by a code on the reader's own screen."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import pairing
from cardservice.pairing import NotPaired
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/readers.html"
OPT: Final = {ACT: Act.PAIR_READER}
FAULTS: Final[Mapping[NotPaired, str]] = {
    NotPaired.WRONG_CODE: _(
        "No reader shows this code now. Press the button at the reader for a new one"
    ),
    NotPaired.TOO_MANY_TRIES: _("Too many codes were wrong. Wait a while, then try again"),
}
DONE: Final = {
    "paired": _("The reader serves your browser now, and no other"),
    "let-go": _("The reader serves nobody now"),
}


@get("/readers", opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """The clerk's readers, and the field for a code."""
    return await _page(request, session, now, {}, done=DONE.get(done, ""))


@post("/readers", status_code=200, opt=OPT)
async def pair(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Pair the reader that shows the typed code."""
    typed = (await typed_in(request)).get("code", "").strip()
    if not typed:
        return await _page(request, session, now, {"code": _("Enter the code from the reader")})
    found = await pairing.pair(session, vault, typed, request.user.signed_in, now=now)
    if isinstance(found, NotPaired):
        return await _page(request, session, now, {"code": FAULTS[found]})
    return see_other("/staff/readers?done=paired")


@post("/readers/{terminal_id:uuid}/let-go", status_code=303, opt=OPT)
async def let_go(
    request: VisitorRequest,
    terminal_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Let a reader go; of one that serves somebody else, the list says enough."""
    await pairing.let_go(session, terminal_id, request.user.signed_in, now=now)
    return see_other("/staff/readers?done=let-go")


async def _page(
    request: VisitorRequest,
    session: AsyncSession,
    now: datetime,
    faults: Mapping[str, str],
    *,
    done: str = "",
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        readers=await pairing.of_session(session, request.user.signed_in, now=now),
        done=done,
    )
