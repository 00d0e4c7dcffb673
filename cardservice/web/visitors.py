"""Who is at the browser: the signed-in session behind the cookie of the part they visit.

Residents and staff have a cookie each, and a page looks only at the cookie of its own part; so
somebody who is both does not mix the two, and a resident's session is nobody's on a staff page.
"""

from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias
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
from identity.oidc import logout_notices
from identity.oidc.spent import digest
from identity.roles import Act, may
from identity.sessions import NotSignedIn, SignedIn, SignedInSession
from identity.signin_models import SessionKind


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
        """Look the token of the part's cookie up, in a transaction of its own."""
        part: Part | None = connection.route_handler.opt.get("part")
        token = connection.cookies.get(part.cookie, "") if part else ""
        if part is None or not token:
            return AuthenticationResult(user=None, auth=None)
        state = connection.app.state
        async with state.database.transaction() as session:
            found = await sessions.look_up(session, token, now=state.clock())
            if isinstance(found, NotSignedIn) or found.kind is not part.kind:
                return AuthenticationResult(user=None, auth=None)
            helping = None
            if part is Part.STAFF:
                helping = await assisted.current(session, state.vault, found, now=state.clock())
        about = connection.path_params.get("account_id")
        actor = helping.actor if helping and helping.account_id == about else found.actor
        visitor = Visitor(found.subject_id, actor, found.role, token, found, helping)
        return AuthenticationResult(user=visitor, auth=token)


async def end_former(
    request: AnyRequest, session: AsyncSession, new: SignedIn, *, now: datetime
) -> None:
    """End the sign-in a browser had in this part before it signs in anew.

    Sites that the same resident is signed in to stay so; another's are told that it is over.
    Source: OWASP ASVS 5.0, 7.2.4 (a new token at every sign-in, and an end to the one before).
    """
    former: Visitor | None = request.user
    if former is None:
        return
    if former.actor == new.actor and former.role is None:
        await logout_notices.session_rotated(session, digest(former.token), digest(new.token))
    await sessions.end(session, former.token, actor=former.actor, now=now)


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
