"""Staff ask that a record be erased, or kept although its resident asked; or stop an erasure."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.holdings import kept_after_erasure
from cardservice.web.forms import Typed
from cardservice.web.pages import see_other
from cardservice.web.staff.asking import Form, answer, show
from cardservice.web.staff.resident import Look, record_page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity import erasure
from identity.errors import NoErasureWaits
from identity.grounds import EXCEPTIONS, REFUSING
from identity.personal import Vault
from identity.roles import Act

ERASE: Final = Form("staff/erase.html", "reason", {"kept": kept_after_erasure()})
KEEP: Final = Form(
    "staff/keep.html",
    "ground",
    {"grounds": [(ground.value, EXCEPTIONS[ground].words) for ground in REFUSING]},
)
PATH: Final = "/residents/{account_id:uuid}/erasure"
MAY_ASK: Final = {ACT: Act.ASK_ERASURE}


@get(f"{PATH}/new", opt=MAY_ASK)
async def ask(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return show(request, ERASE, account_id, reason)


@post(f"{PATH}/new", status_code=200, opt=MAY_ASK)
async def request_erasure(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Ask on the resident's behalf; or say what is wrong."""
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        why = typed.get("reason", "")
        return erasure.ask_for_resident(session, vault, account_id, why, actor=look.actor, now=now)

    return await answer(request, ERASE, look, asking)


@get(f"{PATH}/keep", opt=MAY_ASK)
async def ask_to_keep(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return show(request, KEEP, account_id, reason)


@post(f"{PATH}/keep", status_code=200, opt=MAY_ASK)
async def request_keeping(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Ask that the record be kept; or say what is wrong."""
    look = Look(request.user.actor, account_id, reason, now)

    def asking(typed: Typed) -> Awaitable[object]:
        ground, why = typed.get("ground", ""), typed.get("reason", "")
        return erasure.ask_to_keep(
            session, vault, account_id, ground, why, actor=look.actor, now=now
        )

    return await answer(request, KEEP, look, asking)


@post(f"{PATH}/stop", status_code=200, opt=MAY_ASK)
async def stop(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Stop an erasure, because the resident says so."""
    look = Look(request.user.actor, account_id, reason, now)
    try:
        await erasure.withdraw(session, vault, account_id, actor=look.actor, now=now)
    except NoErasureWaits as error:
        faults = {"erasure": str(error)}
        return await record_page(request, session, vault, look, faults=faults)
    return see_other(look.address(done="erasure-stopped"))
