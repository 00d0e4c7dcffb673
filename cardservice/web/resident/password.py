"""Residents who chose a password sign in with it, choose it and change it."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of
from cardservice.web.doors import DOOR, FAILURES, count
from cardservice.web.environment import moment
from cardservice.web.forms import typed_in
from cardservice.web.guards import HASHES, recently_proved
from cardservice.web.pages import page, see_other
from cardservice.web.resident.onward import sign_in_page
from cardservice.web.resident.own import own_account_row
from cardservice.web.resident.second_step import next_page
from cardservice.web.resident.sign_in import faults_in_address
from cardservice.web.visitors import AnyRequest, VisitorRequest
from cardservice.web.words import gettext as _
from identity import person_keys, resident_password, sealed
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.staff import SignInRefused

SIGN_IN: Final = "resident/password_sign_in.html"
CHOOSE: Final = "resident/password.html"


@get("/password")
async def ask(request: AnyRequest) -> Response[str]:
    """Ask for address and password."""
    return sign_in_page(request, SIGN_IN, typed={})


@post("/password", status_code=200, opt={HASHES: True, DOOR: FAILURES})
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in, or say why not; the address stays in the form, the password does not."""
    typed = await typed_in(request)
    email, password = typed.get("email", "").strip(), typed.get("password", "")
    faults = faults_in_address(email)
    if not password:
        faults["password"] = _("Enter your password")
    if faults:
        return sign_in_page(request, SIGN_IN, faults=faults, typed={"email": email})
    browser = browser_of(request)
    answer = await resident_password.sign_in(
        session, vault, email, password, browser=browser, now=now
    )
    if isinstance(answer, SignInRefused):
        await count(request, session, now)
        faults = {"password": _refusal(answer)}
        return sign_in_page(request, SIGN_IN, faults=faults, typed={"email": email})
    return next_page(request, answer)


@get("/password", guards=[recently_proved])
async def ask_new(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Ask for the new password."""
    words = _("You can sign in with your password from now on. Every other sign-in has ended")
    return await _choose_page(request, session, vault, done=words if done else "")


@post("/password", status_code=200, guards=[recently_proved], opt={HASHES: True})
async def choose(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Set the password, or say what is wrong with it."""
    password = (await typed_in(request)).get("password", "")
    account = await own_account_row(request, session)
    own = request.user.signed_in
    try:
        await resident_password.choose(session, vault, account, password, own=own, now=now)
    except InvalidDetails as error:
        return await _choose_page(request, session, vault, faults=error.faults)
    return see_other("/account/password?done=chosen")


async def _choose_page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    *,
    faults: dict[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    """The address goes with the form, so that a password manager keeps the two together."""
    account = await own_account_row(request, session)
    personal = await person_keys.for_reading(session, vault, account.id)
    return page(
        request,
        CHOOSE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        email=sealed.email_of(personal, account),
        shortest=await resident_password.shortest_for(session, account),
        done=done,
    )


def _refusal(refused: SignInRefused) -> str:
    """The same for addresses we know and others; a code by e-mail always remains."""
    if refused.retry_at:
        words = _("There were too many tries. Try again after %(time)s, or ask for a code")
        return words % {"time": moment(refused.retry_at)}
    return _("The e-mail address or password is wrong. You can ask for a code instead")
