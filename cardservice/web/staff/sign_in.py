"""Staff sign in with a user name and a password first; `second_factor` follows."""

from datetime import datetime
from functools import partial
from typing import Any, assert_never

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of
from cardservice.web.doors import DOOR, FAILURES, count
from cardservice.web.environment import moment
from cardservice.web.forms import typed_in
from cardservice.web.guards import HASHES
from cardservice.web.pages import page, see_other
from cardservice.web.relying_party import relying_party
from cardservice.web.staff.rights import ACT
from cardservice.web.staff.second_factor import next_step
from cardservice.web.visitors import AnyRequest, Part, VisitorRequest, no_cookie
from cardservice.web.words import gettext as _
from identity import assisted_ends, passkeys, sessions, staff
from identity.personal import Vault
from identity.roles import Act
from identity.staff import SignInRefused, WhyRefused
from identity.trail_models import AssistedEnd

TEMPLATE = "staff/sign_in.html"


@get("/")
async def ask(
    request: AnyRequest,
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    passkey: FromQuery[str] = "",
    done: FromQuery[str] = "",
) -> Response[str]:
    """Ask for user name and password, or a passkey."""
    refused = {"passkey": _("The passkey was not accepted. Try again, or use your password")}
    faults = refused if passkey == "refused" else {}
    options = passkeys.request_options(vault, relying_party(settings), now=now)
    words = _("Your password was changed. Sign in with it now") if done == "password" else ""
    return page(request, TEMPLATE, faults=faults, typed={}, options=options, done=words)


@post("/", status_code=200, opt={HASHES: True, DOOR: FAILURES})
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Go on to the second factor, or say why not; only the user name stays in the form."""
    typed = await typed_in(request)
    username, password = typed.get("username", ""), typed.get("password", "")
    options = passkeys.request_options(vault, relying_party(settings), now=now)
    again = partial(
        page, request, TEMPLATE, status=422, typed={"username": username}, options=options
    )
    if faults := _faults_in(username, password):
        return again(faults=faults)
    answer = await staff.check_password(
        session, vault, username, password, browser=browser_of(request), now=now
    )
    if isinstance(answer, SignInRefused):
        await count(request, session, now)
        return again(faults={"username": _refusal(answer)})
    return next_step(answer)


@post("/sign-out", status_code=303, opt={ACT: Act.OWN_SIGN_IN})
async def sign_out(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """End the session, here and on the server."""
    own = request.user
    if own.assisted:
        ended = AssistedEnd.SIGN_IN_ENDED
        await assisted_ends.end_open(session, own.subject_id, ended, actor=own.actor, now=now)
    await sessions.end(session, request.user.token, actor=request.user.actor, now=now)
    return see_other("/staff/sign-in", cookies=[no_cookie(Part.STAFF)])


def _faults_in(username: str, password: str) -> dict[str, str]:
    faults = {}
    if not username.strip():
        faults["username"] = _("Enter your user name")
    if not password:
        faults["password"] = _("Enter your password")
    return faults


def _refusal(refused: SignInRefused) -> str:
    match refused.reason:
        case WhyRefused.WRONG:
            return _("The user name or password is wrong")
        case WhyRefused.WAIT:
            words = _("There were too many tries. Try again after %(time)s")
            return words % {"time": moment(refused.retry_at) if refused.retry_at else ""}
        case WhyRefused.LOCKED:
            return _("There were too many tries. Ask an administrator to unlock your user name")
        case never:
            assert_never(never)
