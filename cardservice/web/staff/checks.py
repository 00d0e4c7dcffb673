"""A check of a resident's history, or of identity fraud, that somebody else made is recorded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.assurance_lines import PART_WORDS
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import assurance_checks
from identity.assurance_checks import ELSEWHERE, HIGHEST, CheckMade
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/check.html"
PATH: Final = "/residents/{account_id:uuid}/checks/new"
OPT: Final = {ACT: Act.RECORD_CHECK}


@get(PATH, opt=OPT)
async def ask(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return _form(request, account_id, reason, {}, {})


@post(PATH, status_code=200, opt=OPT)
async def record(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Record it and go back to the record; or say what is wrong."""
    typed = await typed_in(request)
    look = Look(request.user.actor, account_id, reason, now)
    made = CheckMade(
        part=typed.get("part", ""),
        score=typed.get("score", ""),
        source=typed.get("source", ""),
        how=typed.get("how", ""),
    )
    try:
        await assurance_checks.record(session, vault, account_id, made, actor=look.actor, now=now)
    except InvalidDetails as invalid:
        return _form(request, account_id, reason, typed, invalid.faults)
    return see_other(look.address(done="assurance"))


def _form(
    request: AnyRequest, account_id: UUID, reason: str, typed: Typed, faults: Mapping[str, str]
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        parts=[(part.value, PART_WORDS[part]) for part in ELSEWHERE],
        scores=[(str(score), str(score)) for score in range(HIGHEST + 1)],
    )
