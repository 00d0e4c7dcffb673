"""The doors people sign in through: failures are counted by where they come from.

A route says with `opt={DOOR: ...}` what it counts. The guard turns whoever failed too often away
before anything is looked up, hashed or sent; the handler counts what failed.
"""

from datetime import datetime
from typing import Any, Final

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.browsers import browser_of
from cardservice.web.errors import TooManyTries
from cardservice.web.guards import HASHES
from cardservice.web.visitors import AnyRequest
from identity import network_limit

DOOR: Final = "door"
"""Option of a route: what it counts, `FAILURES` or `CODES`."""
FAILURES: Final = "failures"
CODES: Final = "codes"
_SOURCE: Final = "kent_source"
_LOG: Final = structlog.get_logger(__name__)


async def not_too_many(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Guard, after `our_own_form`: a door is closed for a moment where too much failed.

    Raises:
        TooManyTries: from this network, or from this device if somebody signed in with it before.
        Busy: the line of whoever hashes a password is full, so that asking more is in vain.
    """
    what = handler.opt.get(DOOR)
    if what is None:
        return
    if handler.opt.get(HASHES):
        connection.app.state.line.check_room()
    state, now = connection.app.state, connection.app.state.clock()
    address = connection.client.host if connection.client else ""
    browser = browser_of(connection)
    async with state.database.statements() as executor:
        source = await network_limit.source_of(
            executor, state.vault, what, address, browser, now=now
        )
    if source.again_at is not None:
        raise TooManyTries(source.again_at, int((source.again_at - now).total_seconds()) + 1)
    connection.scope["state"][_SOURCE] = source.bucket


async def count(request: AnyRequest, session: AsyncSession, now: datetime) -> None:
    """Count what this request tried and failed at, or asked for; the log gets what failed."""
    if request.route_handler.opt[DOOR] == FAILURES:
        _LOG.warning("sign-in refused", at=request.scope["path"])
    await network_limit.count(session, request.scope["state"][_SOURCE], now=now)
