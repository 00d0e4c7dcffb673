"""What every page on loopback has: it answers on its own machine only, with safe headers."""

import logging
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, Final

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
REQUEST_SECONDS: Final = 30.0

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none, a browser sends our own forms from "null"
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers requests of this machine; a subclass has `do_GET` and `do_POST`.

    Attributes:
        port: where it listens.
        forms: where the page's forms may go, as a source of a content security policy.
    """

    port: int
    forms: ClassVar[str] = "'none'"
    timeout: ClassVar[float | None] = REQUEST_SECONDS
    disable_nagle_algorithm = True  # else head and body of an answer are 40 ms apart
    server_version = "kentcard"
    sys_version = ""

    def is_for_us(self) -> bool:
        """Whether the page that asks is ours: no foreign name may point a browser here."""
        names = {f"{host}:{self.port}" for host in ("localhost", HOST)}
        origin = self.headers.get("Origin")
        ours = self.headers.get("Host") in names
        if ours and (origin is None or origin in {f"http://{name}" for name in names}):
            return True
        self.refuse(HTTPStatus.FORBIDDEN, "This screen answers on its own machine only.")
        return False

    def refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer with a sentence."""
        self.answer(status, text.encode(), "text/plain; charset=utf-8")

    def answer(
        self, status: HTTPStatus, body: bytes, kind: str, *, refresh: int | None = None
    ) -> None:
        """Answer with a body; after `refresh` seconds the browser asks again."""
        self.head(status, kind)
        if refresh is not None:
            self.send_header("Refresh", str(refresh))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def head(self, status: HTTPStatus, kind: str) -> None:
        """Begin an answer; the caller ends the headers."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action {self.forms}; "
            "frame-ancestors 'self'"
        )
        self.send_header("Content-Security-Policy", policy)
        for name, value in _HEADERS.items():
            self.send_header(name, value)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Only for whoever asked for everything."""
        log.debug(format, *args)
