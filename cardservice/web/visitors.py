"""Who is at the browser: the signed-in session behind the cookie of the part they visit.

Residents and staff have a cookie each, and a page looks only at the cookie of its own part; so
somebody who is both does not mix the two, and a resident's session is nobody's on a staff page.
"""

from enum import Enum
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from sqlalchemy.ext.asyncio import AsyncSession

from identity import assisted, sessions
from identity.actors import Actor
from identity.assisted import Assistance
from identity.models import StaffRole
from identity.roles import Act, may
from identity.sessions import NotSignedIn, SignedInSession
from identity.signin_models import SessionKind

ASKS_BY_ITSELF: Final = "asks_by_itself"
"""Option of a page that its browser asks for again and again: nobody is there because of that."""


class Part(Enum):
    """A part of the site with a sign-in of its own: kind, cookie, where to sign in, first page."""

    RESIDENT = (SessionKind.RESIDENT, "__Host-kentcard-resident", "/sign-in", "/account")
    STAFF = (SessionKind.STAFF, "__Host-kentcard-staff", "/staff/sign-in", "/staff")

    def __init__(self, kind: SessionKind, cookie: str, sign_in: str, base: str) -> None:
        self.kind = kind
        self.cookie = cookie
        self.sign_in = sign_in
        self.base = base


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who is signed in to the part they visit.

    Attributes:
        subject_id: their own account, or their id as a member of staff.
        actor: the same, for service functions; on a page about the resident they act for, with
            that as the basis of whatever the page does.
        role: of a member of staff; None for a resident.
        token: of their session; forms are bound to it.
        signed_in: the session itself.
        assisted: the assisted session they have open; None for a resident, and for most.
    """

    subject_id: UUID
    actor: Actor
    role: StaffRole | None
    token: str
    signed_in: SignedInSession
    assisted: Assistance | None = None

    def may(self, act: str) -> bool:
        """Whether their role includes an act, so that pages offer nothing that is refused."""
        return may(self.role, Act(act))


AnyRequest: TypeAlias = Request[Any, Any, State]
"""A request of anybody; `user` is a `Visitor` or None."""

VisitorRequest: TypeAlias = Request[Visitor, str, State]
"""A request behind the guard `guards.signed_in`."""


class VisitorMiddleware(AbstractAuthenticationMiddleware):
    """Sets `request.user` to the `Visitor`, or to None; guards decide what that means."""

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """Look the token of the part's cookie up, outside any transaction."""
        part: Part | None = connection.route_handler.opt.get("part")
        token = connection.cookies.get(part.cookie, "") if part else ""
        if part is None or not token:
            return AuthenticationResult(user=None, auth=None)
        state = connection.app.state
        async with state.database.statements() as executor:
            used = not connection.route_handler.opt.get(ASKS_BY_ITSELF)
            found = await sessions.look_up(executor, token, now=state.clock(), used=used)
        if isinstance(found, NotSignedIn) or found.kind is not part.kind:
            return AuthenticationResult(user=None, auth=None)
        helping = await _helping(state, found) if part is Part.STAFF else None
        about = connection.path_params.get("account_id")
        actor = helping.actor if helping and helping.account_id == about else found.actor
        visitor = Visitor(found.subject_id, actor, found.role, token, found, helping)
        return AuthenticationResult(user=visitor, auth=token)


async def _helping(state: State, own: SignedInSession) -> Assistance | None:
    """Whom a member of staff acts for; looked up without a lock, because every page asks."""
    async with state.database.reading() as connection, AsyncSession(connection) as session:
        return await assisted.current(session, state.vault, own, now=state.clock())


def host_cookie(name: str, value: str, *, max_age: int | None = None) -> Cookie:
    """A cookie of ours: for this host alone, over a safe connection, out of scripts' reach.

    Args:
        name: begins with `__Host-`.
        value: plain characters of a cookie.
        max_age: seconds; 0 makes the browser forget it, None keeps it until the browser closes.
    """
    return Cookie(
        key=name,
        value=value,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
        max_age=max_age,
    )


def session_cookie(part: Part, token: str) -> Cookie:
    """The cookie that keeps somebody signed in."""
    return host_cookie(part.cookie, token)


def no_cookie(part: Part) -> Cookie:
    """The cookie that makes the browser forget the sign-in."""
    return host_cookie(part.cookie, "", max_age=0)
