"""Residents and staff set an authenticator app up, replace it, and have new recovery codes made.

The page asks first who they are (step-up): by the app they have, or one of its recovery codes.
"""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.app_set_up import RECOVERY_CODES, set_up_page
from cardservice.web.factor_words import refusal
from cardservice.web.forms import typed_in
from cardservice.web.guards import recently_proved
from cardservice.web.owners import owner_of, part_of
from cardservice.web.pages import page, see_other
from cardservice.web.resident.own import own_account_row
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import authenticator, own_factors, recovery
from identity.authenticator import Offered
from identity.devices import Owner
from identity.models import Account
from identity.numbers import spoken
from identity.personal import Vault
from identity.roles import Act
from identity.second_factor import FactorRefused

STATE: Final = "app.html"
OPT: Final = {ACT: Act.CHANGE_OWN_SIGN_IN}
_DONE: Final = {"removed": _("The app was removed. No code of it is asked for any more")}


@get("/app", guards=[recently_proved], opt=OPT)
async def show(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """Say whether there is an app, how many recovery codes are left, and what can be done."""
    owner = await owner_of(request, session)
    return page(
        request,
        STATE,
        has_app=await authenticator.has(session, owner),
        left=await recovery.left(session, owner),
        base=part_of(request).base,
        done=_DONE.get(done, ""),
    )


@get("/app/new", guards=[recently_proved], opt=OPT)
async def offer(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Show a new secret: as a QR code, and as text to type."""
    owner = await owner_of(request, session)
    return _set_up(request, owner, authenticator.offer(vault, owner, now=now))


@post("/app/new", status_code=200, guards=[recently_proved], opt=OPT)
async def keep(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the app's first code, keep the app, and show new recovery codes once."""
    typed, owner = await typed_in(request), await owner_of(request, session)
    sealed, code, own = typed.get("offer", ""), typed.get("code", ""), request.user.signed_in
    answer = await own_factors.keep_app(session, vault, owner, sealed, code, own=own, now=now)
    if not isinstance(answer, FactorRefused):
        return _codes(request, answer)
    offered = authenticator.offered(vault, owner, sealed, now=now)
    if offered is None:
        return see_other(f"{part_of(request).base}/app/new")
    fault = refusal(answer, part_of(request)) if code.strip() else _("Enter the code")
    return _set_up(request, owner, offered, {"code": fault})


@post("/app/codes", status_code=200, guards=[recently_proved], opt=OPT)
async def renew_codes(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Make new recovery codes and show them once."""
    owner, own = await owner_of(request, session), request.user.signed_in
    if not await authenticator.has(session, owner):
        return see_other(f"{part_of(request).base}/app")
    codes = await own_factors.renew_codes(session, vault, owner, own=own, now=now)
    return _codes(request, codes)


@post("/app/remove", status_code=303, guards=[recently_proved])
async def remove(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Give the app up: residents only, for staff always have one."""
    account = await own_account_row(request, session)
    await own_factors.give_up_app(session, vault, account, own=request.user.signed_in, now=now)
    return see_other("/account/app?done=removed")


def _set_up(
    request: VisitorRequest, owner: Owner, offered: Offered, faults: dict[str, str] | None = None
) -> Response[str]:
    base = part_of(request).base
    return set_up_page(
        request,
        spoken(owner.number) if isinstance(owner, Account) else owner.username,
        offered.secret,
        action=f"{base}/app/new",
        back=f"{base}/app",
        faults=faults,
        sealed=offered.sealed,
    )


def _codes(request: VisitorRequest, codes: tuple[str, ...]) -> Response[str]:
    return page(request, RECOVERY_CODES, codes=codes, onward=f"{part_of(request).base}/app")
