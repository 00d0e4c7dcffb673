"""Staff sign in with a user name and a password first; `second_factor` follows."""

from datetime import datetime
from typing import Any, assert_never

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.environment import moment
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.staff.second_factor import next_step
from cardservice.web.visitors import AnyRequest, Part, VisitorRequest, no_cookie
from cardservice.web.words import gettext as _
from identity import assisted_ends, sessions, staff
from identity.personal import Vault
from identity.roles import Act
from identity.staff import SignInRefused, WhyRefused
from identity.trail_models import AssistedEnd

TEMPLATE = "staff/sign_in.html"


@get("/")
async def ask(request: AnyRequest) -> Response[str]:
    """Ask for user name and password."""
    return page(request, TEMPLATE, typed={})


@post("/", status_code=200)
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Go on to the second factor, or say why not; only the user name stays in the form."""
    typed = await typed_in(request)
    username, password = typed.get("username", ""), typed.get("password", "")
    if faults := _faults_in(username, password):
        return page(request, TEMPLATE, status=422, faults=faults, typed={"username": username})
    answer = await staff.check_password(session, vault, username, password, now=now)
    if isinstance(answer, SignInRefused):
        faults = {"username": _refusal(answer)}
        return page(request, TEMPLATE, status=422, faults=faults, typed={"username": username})
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
