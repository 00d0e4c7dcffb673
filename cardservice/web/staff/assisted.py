"""A member of staff acts for a resident, sees what the resident sees, and ends it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.assisted_words import PRESENCE_WORDS, REASON_WORDS, REFUSED, capital
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.records import record_of
from cardservice.web.staff.resident import DONE, Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from identity import accounts, assisted, assisted_ends
from identity.assisted import NotOpened, Wanted
from identity.errors import InvalidDetails, NoSuchAccount
from identity.models import Account
from identity.personal import Vault
from identity.roles import Act
from identity.trail_models import AssistedEnd

TEMPLATE: Final = "staff/assist.html"
VIEW: Final = "staff/assisted.html"
PATH: Final = "/residents/{account_id:uuid}/assisted"
MAY_ASSIST: Final = {ACT: Act.ASSIST_RESIDENT}
_NEXT: Final[Mapping[str, str]] = {
    "address": "address/new?reason=",
    "contact": "contact/new",
    "correction": "correction/new?reason=",
    "requests": "requests",
    "apply": "requests",
    "applications": "requests",
    "offers": "requests",
    "choice": "choice",
    "history": "history",
}
"""What was wanted before a session was asked for -> where it is, below the record."""


@get(f"{PATH}/new", opt=MAY_ASSIST)
async def ask(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    settings: NamedDependency[Settings],
    then: FromQuery[str] = "",
) -> Response[str]:
    """Ask why, and how the resident is present."""
    return await _form(request, session, settings, account_id, then, {}, {})


@post(f"{PATH}/new", status_code=200, opt=MAY_ASSIST)
async def begin(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    then: FromQuery[str] = "",
) -> Response[Any]:
    """Begin, and go on to what was wanted; or say what is wrong."""
    typed = await typed_in(request)
    wanted = Wanted(
        reason=typed.get("reason", ""),
        note=typed.get("note", ""),
        presence=typed.get("presence", ""),
    )
    life, own = timedelta(minutes=settings.assisted_minutes), request.user.signed_in
    try:
        begun = await assisted.open_for(
            session, vault, account_id, wanted, own=own, life=life, now=now
        )
    except InvalidDetails as invalid:
        return await _form(request, session, settings, account_id, then, typed, invalid.faults)
    if isinstance(begun, NotOpened):
        faults = {"reason": REFUSED[begun.reason]}
        return await _form(request, session, settings, account_id, then, typed, faults)
    return see_other(f"/staff/residents/{account_id}/{_NEXT.get(then, 'assisted')}")


@get(PATH, opt={ACT: Act.SEE_AS_RESIDENT})
async def show(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """What the resident sees of themselves, without how they sign in."""
    look = Look(request.user.actor, account_id, "", now)
    person = await accounts.person(
        session,
        vault,
        account_id,
        actor=look.actor,
        reason=look.why,
        now=now,
        sees_protected=request.user.may(Act.SEE_PROTECTED_ADDRESS),
    )
    record = await record_of(session, vault, person, now=now)
    return page(request, VIEW, record=record, done=DONE.get(done, ""))


@post("/assisted/end", status_code=303, opt=MAY_ASSIST)
async def end(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """End it; of one that has ended already the page says enough."""
    own = request.user
    await assisted_ends.end_open(
        session, own.subject_id, AssistedEnd.CLERK, actor=own.actor, now=now
    )
    return see_other("/staff?done=assisted")


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    settings: Settings,
    account_id: UUID,
    then: str,
    typed: Typed,
    faults: Mapping[str, str],
) -> Response[str]:
    number = await session.scalar(select(Account.number).where(Account.id == account_id))
    if number is None:
        raise NoSuchAccount("There is no such account.")
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        then=then if then in _NEXT else "",
        number=number,
        minutes=settings.assisted_minutes,
        reasons=[(reason.value, words) for reason, words in REASON_WORDS.items()],
        presences=[(each.value, capital(words)) for each, words in PRESENCE_WORDS.items()],
    )
