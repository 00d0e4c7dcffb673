"""``GET /till/tap``: the next accepted tap, for a program on this machine that shows the secret.

Never for a web page, the terminal's own included: what is on a screen is for everybody.
"""

from http import HTTPStatus
from typing import Final, assert_never

import msgspec

from readers.terminal.screen.loopback import LoopbackHandler
from readers.terminal.till import NoTap, Till, TillTap

TILL_PATH: Final = "/till/tap"
WAIT_SECONDS: Final = 20.0
"""How long a till is let wait for a tap before it is to ask again."""

_OF_BROWSERS: Final = ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode")
"""Headers that browsers send and no page can leave out. Source: W3C Fetch Metadata section 2."""


def answer_till(handler: LoopbackHandler, till: Till) -> None:
    """Answer 200 with a tap, 204 without one, 401, 403, or 409 to who was overtaken."""
    if any(name in handler.headers for name in _OF_BROWSERS):
        handler.refuse(HTTPStatus.FORBIDDEN, "A till asks by a program of its own, not by a page.")
    elif not till.admits(_bearer(handler)):
        _ask_for_secret(handler)
    else:
        _hand_over(handler, till.take(WAIT_SECONDS))


def _bearer(handler: LoopbackHandler) -> bytes:
    scheme, _, shown = handler.headers.get("Authorization", "").partition(" ")
    return shown.strip().encode() if scheme.lower() == "bearer" else b""


def _ask_for_secret(handler: LoopbackHandler) -> None:
    body = b"The till's secret is needed."
    handler.head(HTTPStatus.UNAUTHORIZED, "text/plain; charset=utf-8")
    handler.send_header("WWW-Authenticate", "Bearer")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _hand_over(handler: LoopbackHandler, taken: TillTap | NoTap) -> None:
    match taken:
        case TillTap():
            handler.answer(HTTPStatus.OK, msgspec.json.encode(taken), "application/json")
        case NoTap.NONE_CAME:
            handler.head(HTTPStatus.NO_CONTENT, "application/json")
            handler.end_headers()
        case NoTap.ANOTHER_ASKED:
            handler.refuse(HTTPStatus.CONFLICT, "Another request of the till took this one's turn.")
        case _:
            assert_never(taken)
