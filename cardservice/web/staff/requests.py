"""Staff ask for what a colleague must approve: a correction, a death, or its undoing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, document_shown, typed_day, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.register import kinds_for
from cardservice.web.staff.request_words import EVIDENCE
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import corrections, deaths
from identity.corrections import Correction
from identity.errors import InvalidDetails, RequestWaits, WrongAccountState
from identity.evidence import Proof
from identity.personal import Vault
from identity.roles import Act

CORRECTION: Final = "staff/correction.html"
DEATH: Final = "staff/death.html"
FALSE_REPORT: Final = "staff/false_report.html"
PATH: Final = "/residents/{account_id:uuid}"
MAY_CORRECT: Final = {ACT: Act.ASK_CORRECTION}
MAY_REPORT: Final = {ACT: Act.REPORT_DEATH}


@get(f"{PATH}/correction/new", opt=MAY_CORRECT)
async def ask_correction(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return _form(request, CORRECTION, account_id, reason, {}, {})


@post(f"{PATH}/correction/new", status_code=200, opt=MAY_CORRECT)
async def request_correction(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Ask for the correction; or say what is wrong."""
    typed = await typed_in(request)
    wanted = Correction(
        given_names=typed.get("given_names", ""),
        family_name=typed.get("family_name", ""),
        birth_date=typed_day(typed, "birth_date"),
        document=document_shown(typed, "document."),
    )
    look = Look(request.user.actor, account_id, reason, now)
    try:
        await corrections.request(session, vault, account_id, wanted, actor=look.actor, now=now)
    except InvalidDetails as invalid:
        return _form(request, CORRECTION, account_id, reason, typed, invalid.faults)
    except (RequestWaits, WrongAccountState) as error:
        faults = {"given_names": str(error)}
        return _form(request, CORRECTION, account_id, reason, typed, faults)
    return see_other(look.address(done="asked"))


@get(f"{PATH}/death/new", opt=MAY_REPORT)
async def ask_death(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return _form(request, DEATH, account_id, reason, {}, {})


@post(f"{PATH}/death/new", status_code=200, opt=MAY_REPORT)
async def report_death(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Report a death; or say what is wrong."""
    typed = await typed_in(request)
    look = Look(request.user.actor, account_id, reason, now)
    day, evidence = typed_day(typed, "died_on"), typed.get("evidence", "")
    try:
        await deaths.report(session, vault, account_id, day, evidence, actor=look.actor, now=now)
    except InvalidDetails as invalid:
        return _form(request, DEATH, account_id, reason, typed, invalid.faults)
    except (RequestWaits, WrongAccountState) as error:
        return _form(request, DEATH, account_id, reason, typed, {"died_on": str(error)})
    return see_other(look.address(done="asked"))


@get(f"{PATH}/death/false", opt=MAY_REPORT)
async def ask_false_report(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return _form(request, FALSE_REPORT, account_id, reason, {}, {})


@post(f"{PATH}/death/false", status_code=200, opt=MAY_REPORT)
async def report_false(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Say that a report of death was false; or say what is wrong."""
    typed = await typed_in(request)
    look = Look(request.user.actor, account_id, reason, now)
    why = typed.get("reason", "")
    try:
        await deaths.report_false(session, vault, account_id, why, actor=look.actor, now=now)
    except InvalidDetails as invalid:
        return _form(request, FALSE_REPORT, account_id, reason, typed, invalid.faults)
    except (RequestWaits, WrongAccountState) as error:
        return _form(request, FALSE_REPORT, account_id, reason, typed, {"reason": str(error)})
    return see_other(look.address(done="asked"))


def _form(
    request: AnyRequest,
    template: str,
    account_id: UUID,
    reason: str,
    typed: Typed,
    faults: Mapping[str, str],
) -> Response[str]:
    return page(
        request,
        template,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        kinds=kinds_for(Proof.IDENTITY),
        evidence=[(kind.value, words) for kind, words in EVIDENCE.items()],
    )
