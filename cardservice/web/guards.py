"""Who may open a page: guards that are asked before anything else."""

from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cardservice.web.errors import ProofNeeded, SignedInAlready, SignInExpired, SignInNeeded
from cardservice.web.kept_forms import what_to_keep
from cardservice.web.visitors import Part, Visitor

HASHES: Final = "hashes_a_password"
"""Option of a route that hashes a password: it waits in line before it opens its session."""


async def signed_in(
    connection: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
) -> None:
    """Guard: only for people signed in to this part.

    Raises:
        SignInNeeded: there is no cookie of this part.
        SignInExpired: the cookie's session has ended, or a form of ours was sent without one.
    """
    part: Part = handler.opt["part"]
    if connection.user is not None:
        return
    kept = await what_to_keep(connection) if isinstance(connection, Request) else {}
    if kept or part.cookie in connection.cookies:
        raise SignInExpired(part.sign_in, part.cookie, kept)
    raise SignInNeeded(part.sign_in)


async def nobody_signed_in(
    connection: ASGIConnection[Any, Any, Any, Any],
    _handler: BaseRouteHandler,
) -> None:
    """Guard: only for people who are not signed in, also when they come back by the back button.

    Raises:
        SignedInAlready: somebody is.
    """
    if connection.user is not None:
        raise SignedInAlready("Somebody is signed in.")


async def recently_proved(
    connection: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
) -> None:
    """Guard after `signed_in`: only soon after the visitor showed who they are.

    Raises:
        ProofNeeded: they did so too long ago.
    """
    visitor: Visitor = connection.user
    if visitor.signed_in.is_proof_fresh(connection.app.state.clock()):
        return
    part: Part = handler.opt["part"]
    first, second = connection.scope["path"].split("/")[1:3]
    wanted = second if f"/{first}" == part.base else first
    kept = await what_to_keep(connection) if isinstance(connection, Request) else {}
    raise ProofNeeded(f"{part.base}/confirm?wanted={wanted}", kept)
