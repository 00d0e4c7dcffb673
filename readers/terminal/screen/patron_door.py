"""``GET /library/patrons``: a stream of accepted library cards, for the library's own software.

Server-sent events, from the moment of the request on: ``event: patron`` with the number, and a
comment every quarter of a minute. Source: WHATWG HTML section 9.2.
"""

import logging
import threading
from http import HTTPStatus
from typing import Final

import msgspec

from readers.terminal.patrons import Patrons
from readers.terminal.screen.local_door import is_admitted
from readers.terminal.screen.loopback import LoopbackHandler

log = logging.getLogger(__name__)

PATRONS_PATH: Final = "/library/patrons"
MOST_LISTENERS: Final = 2
"""The library's software, and it again while its first connection has not been found dead."""
HEARTBEAT_SECONDS: Final = 15.0


def answer_patrons(
    handler: LoopbackHandler, patrons: Patrons, listeners: threading.BoundedSemaphore
) -> None:
    """Stream patrons until the listener goes; 401, 403, or 503 to one too many."""
    if not is_admitted(handler, patrons.secret):
        return
    if not listeners.acquire(blocking=False):
        handler.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many programs listen here.")
        return
    try:
        seen = patrons.now()  # before the answer: a tap after it must not be missed
        handler.head(HTTPStatus.OK, "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b": listening\n\n")
        while not patrons.closed:
            handler.wfile.flush()
            seen, patron = patrons.wait(seen, HEARTBEAT_SECONDS)
            told = b": on"
            if patron is not None:
                told = b"event: patron\ndata: " + msgspec.json.encode(patron)
            handler.wfile.write(told + b"\n\n")
    except OSError:
        log.debug("the library's software has gone")
    finally:
        listeners.release()
