"""Who may ask for what is not on the screen: a program on this machine that shows the secret.

Never a web page, the terminal's own included: what is on a screen is for everybody.
"""

from http import HTTPStatus
from typing import Final

from readers.terminal.screen.loopback import LoopbackHandler
from readers.terminal.till_secret import Secret

_OF_BROWSERS: Final = ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode")
"""Headers that browsers send and no page can leave out. Source: W3C Fetch Metadata section 2."""


def is_admitted(handler: LoopbackHandler, secret: Secret) -> bool:
    """Whether it is such a program; anybody else has been answered 403 or 401."""
    if any(name in handler.headers for name in _OF_BROWSERS):
        handler.refuse(HTTPStatus.FORBIDDEN, "A program of its own asks here, not a page.")
        return False
    if secret.is_shown_by(_bearer(handler)):
        return True
    _ask_for_secret(handler)
    return False


def _bearer(handler: LoopbackHandler) -> bytes:
    scheme, _, shown = handler.headers.get("Authorization", "").partition(" ")
    return shown.strip().encode() if scheme.lower() == "bearer" else b""


def _ask_for_secret(handler: LoopbackHandler) -> None:
    body = b"The secret of the software beside this terminal is needed."
    handler.head(HTTPStatus.UNAUTHORIZED, "text/plain; charset=utf-8")
    handler.send_header("WWW-Authenticate", "Bearer")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
