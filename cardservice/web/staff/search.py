"""A member of staff finds a resident. What was searched for never stands in an address."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.card_numbers import account_number_of
from cardservice.web.staff.reasons import TO_CHOOSE, in_words, reason_of
from cardservice.web.staff.rights import ACT, first_page
from cardservice.web.visitors import AnyRequest, VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts, erasure
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.places import DISTRICTS
from identity.roles import Act
from identity.search import Match

TEMPLATE: Final = "staff/search.html"


@get("/", opt={ACT: Act.OWN_SIGN_IN})
async def ask(request: VisitorRequest, done: FromQuery[str] = "") -> Response[Any]:
    """Ask whom to find; or go where a role that searches for nobody begins."""
    if not request.user.may(Act.FIND_RESIDENT):
        return see_other(first_page(request.user.role))
    ended = _("You act for nobody now") if done == "assisted" else ""
    return _form(request, {}, done=ended)


@post("/search", status_code=200, opt={ACT: Act.FIND_RESIDENT})
async def search(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Show who was found. It changes nothing, so the answer to the form is the page."""
    typed = await typed_in(request)
    query, reason = typed.get("query", ""), reason_of(typed.get("reason", ""))
    faults = {} if reason else {"reason": _("Select why you need to see a record")}
    if not query.strip():
        faults = {"query": _("Enter a name, postcode, date of birth or number")} | faults
    if faults:
        return _form(request, typed, faults=faults)
    try:
        wanted = await account_number_of(session, query)
        visitor = request.user
        sees = visitor.may(Act.SEE_PROTECTED_ADDRESS)
        matches = await accounts.find(
            session, vault, wanted, actor=visitor.actor, now=now, sees_protected=sees
        )
    except InvalidDetails as invalid:
        return _form(request, typed, faults=invalid.faults)
    erased = None if matches else await erasure.erased_at(session, wanted)
    return _form(request, typed, matches=matches, erased=erased)


def _form(
    request: AnyRequest,
    typed: Typed,
    *,
    faults: dict[str, str] | None = None,
    matches: Sequence[Match] | None = None,
    done: str = "",
    erased: datetime | None = None,
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        matches=matches,
        done=done,
        erased=erased,
        districts=DISTRICTS,
        reasons=[(reason.value, in_words(reason)) for reason in TO_CHOOSE],
    )
