"""Serves the screen to a browser on the same machine: files, the state, and its changes."""

import html
import logging
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import ClassVar, Final, Protocol

import msgspec

from readers.terminal.display import Display
from readers.terminal.screen.board import Board

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
MAX_LISTENERS: Final = 16
HEARTBEAT_SECONDS: Final = 15.0
REQUEST_SECONDS: Final = 30.0
MAX_BODY: Final = 1024
PLAIN_SECONDS: Final = 1
"""How soon the page without JavaScript asks again."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_STATIC: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/screen.css": ("screen.css", "text/css; charset=utf-8"),
    "/screen.js": ("screen.js", "text/javascript; charset=utf-8"),
}


class Cut(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /network``."""

    cut: bool


class CutNetwork(Protocol):
    """Cuts the terminal from the server, or joins it again."""

    def __call__(self, *, cut: bool) -> None:
        """Do so."""


class Screen:
    """The screen's web server, until it is stopped.

    Args:
        board: what to show.
        port: on loopback; 0 takes a free one, see :attr:`port`.
        cut_network: what ``POST /network`` does, in demo mode; None: there is no such address.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, board: Board, port: int, *, cut_network: CutNetwork | None = None) -> None:
        self._board = board
        self._listeners = threading.BoundedSemaphore(MAX_LISTENERS)
        screen = self

        class Handler(_Handler):
            board = screen._board
            listeners = screen._listeners
            network = staticmethod(cut_network) if cut_network else None

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_port
        Handler.port = self.port
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="screen", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._board.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    board: Board
    listeners: threading.BoundedSemaphore
    network: CutNetwork | None
    port: int
    timeout: ClassVar[float | None] = REQUEST_SECONDS
    disable_nagle_algorithm = True  # else head and body of an answer are 40 ms apart
    server_version = "kentcard-terminal"
    sys_version = ""

    def do_GET(self) -> None:
        if not self._is_for_us():
            return
        path = self.path.partition("?")[0]
        if path in _STATIC:
            name, kind = _STATIC[path]
            self._answer(HTTPStatus.OK, _file(name), kind)
        elif path == "/state":
            body = msgspec.json.encode(self.board.look()[1])
            self._answer(HTTPStatus.OK, body, "application/json")
        elif path == "/plain":
            page = _plain(self.board.look()[1])
            self._answer(HTTPStatus.OK, page, "text/html; charset=utf-8", refresh=True)
        elif path == "/events":
            self._events()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def do_POST(self) -> None:
        if not self._is_for_us():
            return
        if self.path != "/network" or self.network is None:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self._refuse(HTTPStatus.BAD_REQUEST, "A short body with its length is needed.")
            return
        try:
            asked = msgspec.json.decode(self.rfile.read(int(length)), type=Cut)
        except msgspec.DecodeError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f'{{"cut": true}} or false is needed: {error}.')
            return
        self.network(cut=asked.cut)
        self._answer(HTTPStatus.OK, msgspec.json.encode(asked), "application/json")

    def _is_for_us(self) -> bool:
        """Whether the page that asks is ours: no foreign name may point a browser here."""
        names = {f"{host}:{self.port}" for host in ("localhost", HOST)}
        origin = self.headers.get("Origin")
        ours = self.headers.get("Host") in names
        if ours and (origin is None or origin in {f"http://{name}" for name in names}):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "This screen answers on its own machine only.")
        return False

    def _events(self) -> None:
        if not self.listeners.acquire(blocking=False):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many screens are open.")
            return
        try:
            self._head(HTTPStatus.OK, "text/event-stream")
            self.end_headers()
            seen, (version, display) = 0, self.board.look()
            while not self.board.closed:
                fresh = b"data: " + msgspec.json.encode(display) if version != seen else b": on"
                self.wfile.write(fresh + b"\n\n")
                self.wfile.flush()
                seen = version
                version, display = self.board.wait(seen, HEARTBEAT_SECONDS)
        except OSError:
            log.debug("a screen was closed")
        finally:
            self.listeners.release()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, text.encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, *, refresh: bool = False) -> None:
        self._head(status, kind)
        if refresh:
            self.send_header("Refresh", str(PLAIN_SECONDS))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in _HEADERS.items():
            self.send_header(name, value)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        log.debug(format, *args)


def _file(name: str) -> bytes:
    return files("readers.terminal.screen").joinpath("static", name).read_bytes()


def _plain(display: Display) -> bytes:
    """The picture without JavaScript: a file with the state put in, which asks again by itself."""
    page = _file("plain.html").decode()
    for mark, text in (
        ("[state]", display.state),
        ("[title]", display.title),
        ("[advice]", display.advice),
    ):
        page = page.replace(mark, html.escape(text))
    return page.encode()
