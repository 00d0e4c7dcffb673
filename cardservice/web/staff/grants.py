"""Staff suspend what a resident was given, and end the suspension, each with a reason."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.grant_lines import RESUME_WORDS, SUSPEND_WORDS
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import applying, assessing, grants, suspensions
from entitlements.errors import GrantMoveRefused
from entitlements.grants import SuspendReason
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/suspend.html"
PATH: Final = "/residents/{account_id:uuid}/grants/{grant_id:uuid}"
OPT: Final = {ACT: Act.SUSPEND_GRANT}


class _Change(msgspec.Struct, frozen=True):
    """What is done to a grant, the page's words, and what may be said why."""

    act: Callable[..., Awaitable[None]]
    path: str
    title: str
    button: str
    says: str
    reasons: Mapping[SuspendReason, str]


_SUSPEND: Final = _Change(
    suspensions.suspend,
    "suspend",
    _("Suspend this"),
    _("Suspend it"),
    _("Readers will refuse it until the suspension is ended."),
    SUSPEND_WORDS,
)
_RESUME: Final = _Change(
    suspensions.resume,
    "resume",
    _("End the suspension"),
    _("End the suspension"),
    _("Readers will accept it again."),
    RESUME_WORDS,
)


@get(f"{PATH}/suspend", opt=OPT)
async def ask(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    grant_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    reason: FromQuery[str] = "",
) -> Response[str]:
    """Ask why it is to be suspended."""
    return await _form(request, session, _SUSPEND, account_id, grant_id, reason, {})


@post(f"{PATH}/suspend", status_code=200, opt=OPT)
async def suspend(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    grant_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Suspend it, or say what is wrong."""
    look = Look(request.user.actor, account_id, reason, now)
    return await _change(request, session, vault, _SUSPEND, look, grant_id)


@get(f"{PATH}/resume", opt=OPT)
async def ask_resume(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    grant_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    reason: FromQuery[str] = "",
) -> Response[str]:
    """Ask why the suspension ends."""
    return await _form(request, session, _RESUME, account_id, grant_id, reason, {})


@post(f"{PATH}/resume", status_code=200, opt=OPT)
async def resume(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    grant_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """End the suspension, or say what is wrong."""
    look = Look(request.user.actor, account_id, reason, now)
    return await _change(request, session, vault, _RESUME, look, grant_id)


async def _change(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    change: _Change,
    look: Look,
    grant_id: UUID,
) -> Response[Any]:
    said = (await typed_in(request)).get("why", "")
    why = next((each for each in change.reasons if each.value == said), None)
    faults = {"why": _("Select a reason")}
    if why is not None:
        try:
            await change.act(
                session, vault, look.account_id, grant_id, why, actor=look.actor, now=look.now
            )
        except GrantMoveRefused:
            faults = {"why": _("It is not in a state that allows this: somebody was before you")}
        else:
            who = look.account_id
            await assessing.assess(session, vault, who, actor=look.actor, now=look.now)
            return see_other(look.address(done=change.path))
    return await _form(request, session, change, look.account_id, grant_id, look.reason, faults)


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    change: _Change,
    account_id: UUID,
    grant_id: UUID,
    reason: str,
    faults: Mapping[str, str],
) -> Response[str]:
    given = await grants.own(session, account_id, grant_id)
    here = f"/staff/residents/{account_id}"
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        heading=change.title,
        button=change.button,
        says=change.says,
        name=await applying.title_of(session, given.scheme),
        reasons=[(each.value, words) for each, words in change.reasons.items()],
        here=here,
        action=f"{here}/grants/{grant_id}/{change.path}",
        reason=reason if reason_of(reason) else "",
    )
