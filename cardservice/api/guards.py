"""Only terminals of ours get past this."""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.handlers import BaseRouteHandler

from cardservice.errors import TerminalRevoked, TerminalUnknown
from cardservice.terminals import KnownTerminal, authenticate

BEARER: Final = "bearer "
KEPT_WHEN_REVOKED: Final = "kept_when_revoked"
"""Option of a route that a revoked terminal reaches too; the handler refuses it itself."""
NOT_AUTHENTICATED: Final = 4401
NOT_ALLOWED: Final = 4403

Connection = ASGIConnection[Any, Any, Any, Any]


async def signed_by_terminal(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard: the request is signed by a terminal; `request.user` is the `KnownTerminal`.

    Raises:
        TerminalUnknown: nobody we know.
        TerminalRevoked: known, and revoked.
        WebSocketException: either of them, or a browser, before a WebSocket is accepted.
    """
    if connection.scope["type"] == ScopeType.WEBSOCKET and "origin" in connection.headers:
        raise WebSocketException(detail="not for browsers", code=NOT_ALLOWED)
    try:
        terminal = await _authenticated(connection)
    except TerminalUnknown as error:
        raise _fit(connection, error, NOT_AUTHENTICATED) from error
    if terminal.revoked and not handler.opt.get(KEPT_WHEN_REVOKED):
        revoked = TerminalRevoked("This terminal was revoked. Enrol it again to use it.")
        raise _fit(connection, revoked, NOT_ALLOWED)
    connection.scope["user"] = terminal


async def _authenticated(connection: Connection) -> KnownTerminal:
    header = connection.headers.get("authorization", "")
    if not header.lower().startswith(BEARER):
        raise TerminalUnknown("This request carries no token of a terminal.")
    state = connection.app.state
    async with state.database.reading() as reading:
        return await authenticate(reading, header[len(BEARER) :].strip(), now=state.clock())


def _fit(connection: Connection, error: TerminalUnknown | TerminalRevoked, code: int) -> Exception:
    if connection.scope["type"] == ScopeType.WEBSOCKET:
        return WebSocketException(detail=error.code, code=code)
    return error
