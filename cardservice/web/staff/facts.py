"""An officer tells what rules ask of a resident and no document shows; the resident sees it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.fact_lines import sentence
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import told
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/fact.html"
PATH: Final = "/residents/{account_id:uuid}/facts/new"
OPT: Final = {ACT: Act.TELL_FACT}
VALUES: Final = {"yes": _("Yes"), "no": _("No"), "unknown": _("Not known any more")}


@get(PATH, opt=OPT)
async def ask(
    request: AnyRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    reason: FromQuery[str] = "",
) -> Response[str]:
    """Show the empty form."""
    facts = await told.for_officers(session)
    return _form(request, account_id, reason, facts, {}, {})


@post(PATH, status_code=200, opt=OPT)
async def tell(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Keep it, decide anew and go back to the record; or say what is wrong."""
    typed = await typed_in(request)
    look = Look(request.user.actor, account_id, reason, now)
    try:
        await told.by_officer(session, vault, account_id, typed, actor=look.actor, now=now)
    except InvalidDetails as invalid:
        facts = await told.for_officers(session)
        return _form(request, account_id, reason, facts, typed, invalid.faults)
    return see_other(look.address(done="fact"))


def _form(
    request: AnyRequest,
    account_id: UUID,
    reason: str,
    facts: Mapping[str, str],
    typed: Typed,
    faults: Mapping[str, str],
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        facts=[(name, sentence(words)) for name, words in facts.items()],
        values=list(VALUES.items()),
    )
