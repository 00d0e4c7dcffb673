"""Officers decide applications, and find out what no document shows; always with a reason."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.staff.applications import DECIDE, FIELD, ONE, PATH, one_page, why_not
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import deciding, feeds, rulebooks
from entitlements.application_models import Application
from entitlements.deciding import Outcome
from entitlements.errors import UnknownFact
from identity.errors import InvalidDetails
from identity.personal import Vault


@post(f"{ONE}/decide", status_code=303, opt=DECIDE)
async def decide(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Grant it, refuse it or ask for more."""
    typed, actor = await typed_in(request), request.user.actor
    outcome = next((each for each in Outcome if each.value == typed.get("outcome")), None)
    faults: dict[str, str] = {}
    if outcome is None:
        faults["outcome"] = _("Select what you decide")
    else:
        try:
            reason = typed.get("reason", "")
            row = await deciding.decide(
                session, vault, application_id, outcome, reason=reason, actor=actor, now=now
            )
            if isinstance(row, Application):
                done = "asked" if outcome is Outcome.ASK_FOR_MORE else "decided"
                return see_other(f"/staff{PATH}?done={done}")
            faults[FIELD] = why_not(row)
        except InvalidDetails as invalid:
            faults |= invalid.faults
    return await one_page(request, session, vault, application_id, now, faults=faults, typed=typed)


@post(f"{ONE}/facts", status_code=303, opt=DECIDE)
async def find_out(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Say what one found out; if the rule can answer then, it does."""
    typed, actor = await typed_in(request), request.user.actor
    fact = typed.get("fact", "")
    faults: dict[str, str] = {}
    try:
        value = feeds.typed_value(await rulebooks.in_force(session), fact, typed.get(fact, ""))
        row = await deciding.settle_fact(
            session,
            vault,
            application_id,
            fact,
            value,
            reason=typed.get(f"{fact}.reason", ""),
            actor=actor,
            now=now,
        )
    except UnknownFact:
        faults = {fact: _("Select what you found out")}
    except InvalidDetails as invalid:
        faults = {f"{fact}.reason": next(iter(invalid.faults.values()))}
    else:
        if isinstance(row, Application):
            decided = row.closed_at is not None
            return see_other(
                f"/staff{PATH}?done=decided"
                if decided
                else f"/staff{PATH}/{application_id}?done=found-out"
            )
        faults = {FIELD: why_not(row)}
    return await one_page(request, session, vault, application_id, now, faults=faults, typed=typed)
