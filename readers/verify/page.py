"""The venue's page on loopback: a code typed or scanned in, a picture of it, or the camera."""

import html
import logging
import threading
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

import msgspec

from readers.contract.reasons import Reason
from readers.terminal.errors import StateUnusable, TerminalError
from readers.terminal.screen.loopback import HOST, LoopbackHandler
from readers.verify import pictures
from readers.verify.checking import Answer, Verdict, without_code
from readers.verify.device import Device
from readers.verify.uploads import file_in

log = logging.getLogger(__name__)

MAX_TEXT_BODY: Final = 16 * 1024
MAX_PICTURE_BODY: Final = pictures.MAX_BYTES + 16 * 1024
MAX_DISCARDED: Final = 64 * 1024 * 1024
"""Of a body that is too large, so much is read and thrown away, so that the browser hears why."""
PIECE: Final = 64 * 1024
HTML: Final = "text/html; charset=utf-8"

_STATIC: Final = {
    "/verify.css": ("verify.css", "text/css; charset=utf-8"),
    "/verify.js": ("verify.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_SYMBOLS: Final = {Verdict.YES: "✓", Verdict.NO: "✕", Verdict.TRY_AGAIN: "↻"}
_WORDS: Final = {Verdict.YES: "Yes", Verdict.NO: "No", Verdict.TRY_AGAIN: "Try again"}
_NOT_KEPT: Final = Answer(
    verdict=Verdict.TRY_AGAIN,
    title="This device cannot remember codes",
    advice="A member of staff has to make room on its disk. Nothing was decided.",
    reason=StateUnusable.code,
)


class Page:
    """The page's web server, until it is stopped.

    Args:
        device: decides.
        port: on loopback; 0 takes a free one, see :attr:`port`.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, device: Device, port: int) -> None:
        class Handler(_Handler):
            pass

        Handler.device = device
        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_port
        Handler.port = self.port
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(LoopbackHandler):
    device: Device
    forms = "'self'"

    def do_GET(self) -> None:  # noqa: N802  the base class calls it
        if not self.is_for_us():
            return
        path = self.path.partition("?")[0]
        if path in _STATIC:
            name, kind = _STATIC[path]
            self.answer(HTTPStatus.OK, _file(name).encode(), kind)
        elif path == "/":
            self.answer(HTTPStatus.OK, _page(self.device, None), HTML)
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def do_POST(self) -> None:  # noqa: N802  likewise
        if not self.is_for_us():
            return
        match self.path:
            case "/text":
                body = self._body(MAX_TEXT_BODY)
                self._show(without_code(Reason.FOREIGN_CODE) if body is None else self._text(body))
            case "/picture":
                body = self._body(MAX_PICTURE_BODY)
                picture = file_in(self.headers.get("Content-Type", ""), body or b"")
                self._show(self._picture(picture))
            case "/fetch":
                self._body(MAX_TEXT_BODY)
                self.answer(HTTPStatus.OK, _page(self.device, None, self._fetch()), HTML)
            case "/frame":
                answer = self._picture(self._body(MAX_PICTURE_BODY) or b"")
                self.answer(HTTPStatus.OK, msgspec.json.encode(answer), "application/json")
            case _:
                self.close_connection = True
                self.refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _fetch(self) -> str:
        """What came of fetching now, in a sentence."""
        try:
            self.device.fetch()
        except TerminalError as error:
            log.warning("%s", error)
            return f"Nothing new was fetched. {error.remedy}"
        return "New keys and lists were fetched."

    def _text(self, body: bytes) -> Answer:
        typed = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
        return self._check(typed.get("text", [""])[0])

    def _picture(self, picture: bytes) -> Answer:
        code = pictures.code_in(picture)
        return without_code(code) if isinstance(code, Reason) else self._check(code)

    def _check(self, text: str) -> Answer:
        if not text.strip():
            return without_code(Reason.NO_CODE)
        try:
            return self.device.check(text)
        except StateUnusable as error:
            log.warning("%s", error)
            return _NOT_KEPT

    def _show(self, answer: Answer) -> None:
        self.answer(HTTPStatus.OK, _page(self.device, answer), HTML)

    def _body(self, most: int) -> bytes | None:
        """What was sent; None if it has no length or is larger than it may be."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_DISCARDED:
            self.close_connection = True
            return None
        left = int(length)
        if left <= most:
            return self.rfile.read(left)
        while left > 0 and (piece := self.rfile.read(min(left, PIECE))):
            left -= len(piece)
        return None


def _file(name: str) -> str:
    return files("readers.verify").joinpath("static", name).read_text(encoding="utf-8")


def _page(device: Device, answer: Answer | None, news: str = "") -> bytes:
    """The page: a file with the answer, the news and the device's state put in."""
    state = device.state_in_words()
    marks = {
        "[title]": f"{_WORDS[answer.verdict]}: {answer.title}" if answer else "Check a code",
        "[verdict]": answer.verdict if answer else "none",
        "[symbol]": _SYMBOLS[answer.verdict] if answer else "",
        "[word]": _WORDS[answer.verdict] if answer else "",
        "[line]": answer.title if answer else "",
        "[advice]": answer.advice if answer else "",
        "[hidden]": "" if answer else "hidden",
        "[news]": news,
        "[quiet]": "" if news else "hidden",
        "[checked]": state.checked,
        "[fetched]": state.fetched,
        "[warning]": state.warning,
        "[calm]": "" if state.warning else "hidden",
    }
    page = _file("index.html")
    for mark, text in marks.items():
        page = page.replace(mark, html.escape(text))
    return page.encode()
