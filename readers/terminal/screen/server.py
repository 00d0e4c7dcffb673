"""Serves the screen to a browser on the same machine: files, the state, and its changes."""

import html
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from importlib.resources import files
from typing import Final, Protocol

import msgspec

from readers.terminal.counter import Counter
from readers.terminal.display import Display
from readers.terminal.patrons import Patrons
from readers.terminal.screen.board import Board
from readers.terminal.screen.loopback import HOST, LoopbackHandler
from readers.terminal.screen.patron_door import MOST_LISTENERS, PATRONS_PATH, answer_patrons
from readers.terminal.screen.till_door import TILL_PATH, answer_till
from readers.terminal.till import Till

log = logging.getLogger(__name__)

MAX_LISTENERS: Final = 16
HEARTBEAT_SECONDS: Final = 15.0
MAX_BODY: Final = 1024
PLAIN_SECONDS: Final = 1
"""How soon the page without JavaScript asks again."""

_STATIC: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/screen.css": ("screen.css", "text/css; charset=utf-8"),
    "/screen.js": ("screen.js", "text/javascript; charset=utf-8"),
}

_PAIR: Final = {"/pair": "/", "/plain/pair": "/plain"}
"""Where the button for a pairing code sends, and the page it came from."""


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
        show_code: what ``POST /pair`` does; None: there is no such address.
        counter: whose taps ``GET /till/tap`` and ``GET /library/patrons`` hand out, as far as it
            has a till or a library's software; None: there are no such addresses.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self,
        board: Board,
        port: int,
        *,
        cut_network: CutNetwork | None = None,
        show_code: Callable[[], None] | None = None,
        counter: Counter | None = None,
    ) -> None:
        self._board = board
        self._listeners = threading.BoundedSemaphore(MAX_LISTENERS)
        screen = self

        class Handler(_Handler):
            board = screen._board
            listeners = screen._listeners
            network = staticmethod(cut_network) if cut_network else None
            pairing = staticmethod(show_code) if show_code else None

        Handler.till = counter.till if counter else None
        Handler.patrons = counter.patrons if counter else None
        Handler.patron_listeners = threading.BoundedSemaphore(MOST_LISTENERS)
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


class _Handler(LoopbackHandler):
    board: Board
    listeners: threading.BoundedSemaphore
    network: CutNetwork | None
    pairing: Callable[[], None] | None
    till: Till | None
    patrons: Patrons | None
    patron_listeners: threading.BoundedSemaphore
    forms = "'self'"

    def do_GET(self) -> None:  # noqa: N802  the base class calls it
        if not self.is_for_us():
            return
        path = self.path.partition("?")[0]
        if path in _STATIC:
            name, kind = _STATIC[path]
            self.answer(HTTPStatus.OK, _file(name), kind)
        elif path == "/state":
            body = msgspec.json.encode(self.board.look()[1])
            self.answer(HTTPStatus.OK, body, "application/json")
        elif path == "/plain":
            page = _plain(self.board.look()[1])
            self.answer(HTTPStatus.OK, page, "text/html; charset=utf-8", refresh=PLAIN_SECONDS)
        elif path == "/events":
            self._events()
        elif self.path == TILL_PATH and self.till is not None:
            answer_till(self, self.till)
        elif self.path == PATRONS_PATH and self.patrons is not None:
            answer_patrons(self, self.patrons, self.patron_listeners)
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def do_POST(self) -> None:  # noqa: N802  likewise
        if not self.is_for_us():
            return
        if self.path in _PAIR and self.pairing is not None:
            self.pairing()
            self.send_response(HTTPStatus.SEE_OTHER)
            self.send_header("Location", _PAIR[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path != "/network" or self.network is None:
            self.refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.refuse(HTTPStatus.BAD_REQUEST, "A short body with its length is needed.")
            return
        try:
            asked = msgspec.json.decode(self.rfile.read(int(length)), type=Cut)
        except msgspec.DecodeError as error:
            self.refuse(HTTPStatus.BAD_REQUEST, f'{{"cut": true}} or false is needed: {error}.')
            return
        self.network(cut=asked.cut)
        self.answer(HTTPStatus.OK, msgspec.json.encode(asked), "application/json")

    def _events(self) -> None:
        if not self.listeners.acquire(blocking=False):
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many screens are open.")
            return
        try:
            self.head(HTTPStatus.OK, "text/event-stream")
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


def _file(name: str) -> bytes:
    return files("readers.terminal.screen").joinpath("static", name).read_bytes()


def _plain(display: Display) -> bytes:
    """The picture without JavaScript: a file with the state put in, which asks again by itself."""
    page = _file("plain.html").decode()
    for mark, text in (
        ("[state]", display.state),
        ("[title]", display.title),
        ("[advice]", display.advice),
        ("[pairs]", "" if display.pairs else "hidden"),
    ):
        page = page.replace(mark, html.escape(text))
    return page.encode()
