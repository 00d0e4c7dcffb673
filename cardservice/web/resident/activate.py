"""Residents claim the account that a desk made for them, with a code on paper."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.doors import DOOR, FAILURES, count
from cardservice.web.forms import typed_day, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.resident.own import own_account_row
from cardservice.web.resident.second_step import next_page
from cardservice.web.visitors import AnyRequest, Part, VisitorRequest, session_cookie
from cardservice.web.words import gettext as _
from identity import activation
from identity.activation import NotActivated
from identity.personal import Vault
from identity.resident_factor import CodeNeeded

ASK: Final = "resident/activate.html"
WELCOME: Final = "resident/welcome.html"


@get("/")
async def ask(request: AnyRequest) -> Response[str]:
    """Ask for the code and the date of birth."""
    return page(request, ASK, typed={})


@post("/", status_code=200, opt={DOOR: FAILURES})
async def activate(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in to the account, or say that one of the two is wrong."""
    typed = await typed_in(request)
    code, born, browser = typed.get("code", ""), typed_day(typed, "birth_date"), browser_of(request)
    faults = {}
    if not code.strip():
        faults["code"] = _("Enter your activation code")
    if not born:
        faults["birth_date"] = _("Enter your date of birth")
    if faults:
        return page(request, ASK, status=422, faults=faults, typed=typed)
    answer = await activation.redeem(session, vault, code, born, browser=browser, now=now)
    if isinstance(answer, NotActivated):
        await count(request, session, now)
        faults = {"code": _REFUSAL}
        return page(request, ASK, status=422, faults=faults, typed=typed)
    if isinstance(answer, CodeNeeded):
        return next_page(request, answer)
    cookies = [session_cookie(Part.RESIDENT, answer.token), device_cookie(browser)]
    return see_other("/account/welcome?activated=yes", cookies=cookies)


@get("/welcome")
async def welcome(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    activated: FromQuery[str] = "",
) -> Response[str]:
    """After registering or claiming an account: how to sign in from now on, and what comes next."""
    account = await own_account_row(request, session)
    return page(
        request,
        WELCOME,
        activated=bool(activated),
        has_email=account.email_index is not None,
        has_mobile=account.mobile_index is not None,
    )


_REFUSAL: Final = _(
    "The activation code or the date of birth is wrong, or the code has run out or was used. "
    "Check both, or ask for another code at a Kent Gateway or library"
)
