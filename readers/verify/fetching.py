"""Fetches what a venue decides by: public keys and status lists, in one signed bundle."""

from datetime import datetime

import httpx

from readers.contract.tokens import SKEW
from readers.contract.wire import VENUE
from readers.terminal.bundle import BundleView, open_bundle
from readers.terminal.holdings import Holdings
from readers.terminal.server import Server
from readers.verify.state import VenueState


def fetch(
    state: VenueState,
    holdings: Holdings,
    *,
    now: datetime,
    transport: httpx.BaseTransport | None = None,
) -> BundleView:
    """Fetch a bundle, verify it, keep it, and decide by it from now on.

    Args:
        state: says from where.
        holdings: of that state.
        now: by this device's clock.
        transport: another way to reach the server, for tests.

    Raises:
        NeverFetched: there is nobody to ask.
        ServerUnreachable, ServerRefused, ServerNotUnderstood: there was no answer, or none to use.
        BundleRefused: it is not signed by the pinned key, or not usable; the one before stays.
        StateUnusable: it cannot be kept; the one before stays.
    """
    venue = state.venue()
    server = Server(venue.server_url, None, transport=transport)
    try:
        token = server.venue_bundle(venue.authority).token
        made = open_bundle(token, holdings.pinned, terminal_id=VENUE)
        # signed: also when it shows that our clock is wrong
        holdings.hear_server_time(made.issued_at)
        view = holdings.adopt_bundle(token, fetch=server.shard, now=now)
    finally:
        server.close()
    state.keep_fetched_at(now)
    return view


def runs_ahead(view: BundleView | None, fetched_at: datetime | None) -> bool:
    """Whether this device's clock was ahead of the server's when the bundle came.

    It then takes good codes for ones that have run out.
    """
    if view is None or fetched_at is None:
        return False
    return fetched_at - view.issued_at > SKEW
