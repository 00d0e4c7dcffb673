"""Staff ask for what a colleague must approve: a correction, a death, or its undoing."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, document_shown, typed_day
from cardservice.web.request_words import EVIDENCE
from cardservice.web.staff.asking import Form, answer, show
from cardservice.web.staff.register import kinds_for
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import corrections, deaths
from identity.corrections import Correction
from identity.evidence import Proof
from identity.personal import Vault
from identity.roles import Act

PATH: Final = "/residents/{account_id:uuid}"
MAY_CORRECT: Final = {ACT: Act.ASK_CORRECTION}
MAY_REPORT: Final = {ACT: Act.REPORT_DEATH}


CORRECTION: Final = Form(
    "staff/correction.html", "given_names", {"kinds": kinds_for(Proof.IDENTITY)}
)
DEATH: Final = Form(
    "staff/death.html",
    "died_on",
    {"evidence": [(kind.value, words) for kind, words in EVIDENCE.items()]},
)
FALSE_REPORT: Final = Form("staff/false_report.html", "reason", {})


@get(f"{PATH}/correction/new", opt=MAY_CORRECT)
async def ask_correction(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return show(request, CORRECTION, account_id, reason)


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
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        wanted = Correction(
            given_names=typed.get("given_names", ""),
            family_name=typed.get("family_name", ""),
            birth_date=typed_day(typed, "birth_date"),
            document=document_shown(typed, "document."),
        )
        return corrections.request(session, vault, account_id, wanted, actor=look.actor, now=now)

    return await answer(request, CORRECTION, look, asking)


@get(f"{PATH}/death/new", opt=MAY_REPORT)
async def ask_death(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return show(request, DEATH, account_id, reason)


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
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        day, evidence = typed_day(typed, "died_on"), typed.get("evidence", "")
        return deaths.report(session, vault, account_id, day, evidence, actor=look.actor, now=now)

    return await answer(request, DEATH, look, asking)


@get(f"{PATH}/death/false", opt=MAY_REPORT)
async def ask_false_report(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return show(request, FALSE_REPORT, account_id, reason)


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
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        why = typed.get("reason", "")
        return deaths.report_false(session, vault, account_id, why, actor=look.actor, now=now)

    return await answer(request, FALSE_REPORT, look, asking)
