"""Staff ask for what a colleague must approve: a correction, a death, or its undoing."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, document_shown, typed_day, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.request_words import EVIDENCE
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.register import kinds_for
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import corrections, deaths
from identity.corrections import Correction
from identity.errors import InvalidDetails, RequestWaits, WrongAccountState
from identity.evidence import Proof
from identity.personal import Vault
from identity.roles import Act

PATH: Final = "/residents/{account_id:uuid}"
MAY_CORRECT: Final = {ACT: Act.ASK_CORRECTION}
MAY_REPORT: Final = {ACT: Act.REPORT_DEATH}


class Form(msgspec.Struct, frozen=True):
    """A form that asks for something: its template, and its first field."""

    template: str
    first: str


CORRECTION: Final = Form("staff/correction.html", "given_names")
DEATH: Final = Form("staff/death.html", "died_on")
FALSE_REPORT: Final = Form("staff/false_report.html", "reason")


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
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        wanted = Correction(
            given_names=typed.get("given_names", ""),
            family_name=typed.get("family_name", ""),
            birth_date=typed_day(typed, "birth_date"),
            document=document_shown(typed, "document."),
        )
        return corrections.request(session, vault, account_id, wanted, actor=look.actor, now=now)

    return await _answer(request, CORRECTION, look, asking)


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
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        day, evidence = typed_day(typed, "died_on"), typed.get("evidence", "")
        return deaths.report(session, vault, account_id, day, evidence, actor=look.actor, now=now)

    return await _answer(request, DEATH, look, asking)


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
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        why = typed.get("reason", "")
        return deaths.report_false(session, vault, account_id, why, actor=look.actor, now=now)

    return await _answer(request, FALSE_REPORT, look, asking)


async def _answer(
    request: VisitorRequest, form: Form, look: Look, asking: Callable[[Typed], Awaitable[object]]
) -> Response[Any]:
    """Ask, and go back to the record; or show the form with what is wrong."""
    typed = await typed_in(request)
    try:
        await asking(typed)
    except InvalidDetails as invalid:
        faults = invalid.faults
    except (RequestWaits, WrongAccountState) as error:
        faults = {form.first: str(error)}
    else:
        return see_other(look.address(done="asked"))
    return _form(request, form, look.account_id, look.reason, typed, faults)


def _form(
    request: AnyRequest,
    form: Form,
    account_id: UUID,
    reason: str,
    typed: Typed,
    faults: Mapping[str, str],
) -> Response[str]:
    return page(
        request,
        form.template,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        kinds=kinds_for(Proof.IDENTITY),
        evidence=[(kind.value, words) for kind, words in EVIDENCE.items()],
    )
