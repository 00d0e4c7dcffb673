"""What waits for a second person or another look, and their decision."""

from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import decisions
from cardservice.settings import Settings
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.request_words import KIND_WORDS, sentences_of
from cardservice.web.staff import duplicates
from cardservice.web.staff.duplicates import pair_lines
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts, four_eyes
from identity.accounts import Person
from identity.errors import (
    InvalidDetails,
    NoErasureWaits,
    RequestDecided,
    SecondPersonNeeded,
    WrongAccountState,
)
from identity.models import ChangeRequest
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/requests.html"
PATH: Final = "/requests"
OPT: Final = {ACT: Act.DECIDE_REQUEST}
MOST_SHOWN: Final = 20


class RequestLine(msgspec.Struct, frozen=True):
    """A request on the page.

    Attributes:
        request: as it is stored.
        title: its kind in words.
        person: whose account; the look at it is recorded.
        sentences: what is asked.
        is_own: the reader asked for it, so that somebody else decides.
    """

    request: ChangeRequest
    title: str
    person: Person
    sentences: tuple[str, ...]
    is_own: bool


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """The oldest requests that wait."""
    return await _queue(request, session, vault, now, done=done)


@post(f"{PATH}/{{request_id:uuid}}/approve", status_code=200, opt=OPT)
async def approve(
    request: VisitorRequest,
    request_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Approve one; it is done at once. An erasure then waits until it can no longer be stopped."""
    actor, grace = request.user.actor, timedelta(days=settings.erasure_grace_days)
    deciding = decisions.approve(session, vault, request_id, grace=grace, actor=actor, now=now)
    return await _decide(request, session, vault, now, deciding, "approved")


@post(f"{PATH}/{{request_id:uuid}}/refuse", status_code=200, opt=OPT)
async def refuse(
    request: VisitorRequest,
    request_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Refuse one, with a reason."""
    why = (await typed_in(request)).get("reason", "")
    actor = request.user.actor
    deciding = four_eyes.refuse(session, vault, request_id, why, actor=actor, now=now)
    field = f"reason-{request_id}"
    return await _decide(request, session, vault, now, deciding, "refused", field=field)


async def _decide(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
    deciding: Awaitable[None],
    done: str,
    *,
    field: str = "requests",
) -> Response[Any]:
    """Decide, all of it or nothing; or show the queue with what stands in the way."""
    try:
        async with session.begin_nested():
            await deciding
    except InvalidDetails as invalid:
        faults = {field: next(iter(invalid.faults.values()))}
    except (NoErasureWaits, RequestDecided, SecondPersonNeeded, WrongAccountState) as error:
        faults = {"requests": str(error)}
    else:
        return see_other(f"/staff/requests?done={done}")
    return await _queue(request, session, vault, now, faults=faults)


async def _queue(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
    *,
    faults: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    waiting = await four_eyes.waiting(session)
    if refused := duplicates.REFUSED.get(done):
        faults = {"requests": refused}
    lines = [await _line(request, session, vault, one, now) for one in waiting[:MOST_SHOWN]]
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        lines=lines,
        count=len(waiting),
        pairs=await pair_lines(session, vault, actor=request.user.actor, now=now),
        done=_DONE.get(done, ""),
    )


async def _line(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    asked: ChangeRequest,
    now: datetime,
) -> RequestLine:
    actor = request.user.actor
    why = _("A request of a colleague was checked")
    person = await accounts.person(
        session, vault, asked.account_id, actor=actor, reason=why, now=now
    )
    sentences = await sentences_of(session, vault, asked)
    is_own = asked.asked_by_id == actor.id
    return RequestLine(asked, KIND_WORDS[asked.kind], person, sentences, is_own)


_DONE: Final = {
    **duplicates.DONE,
    "approved": _("The request is approved, and done"),
    "refused": _("The request is refused. Nothing was changed"),
}
