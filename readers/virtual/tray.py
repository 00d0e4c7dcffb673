"""The tray: a process that holds virtual cards and lays them on the virtual readers.

``python -m readers.virtual.tray --directory var/cards --reader "Kent desk=/run/pcscd/r0.sock"``

It speaks JSON over HTTP on the loopback address only:

- ``GET /state``
- ``POST /cards {"label": ...}``: a new card in factory state
- ``POST /readers/{i}/lay {"card": id, "tear_after": n or null}``
- ``POST /readers/{i}/lift {}``

Errors are ``{"code": ..., "detail": ...}``. It belongs to demonstrations and tests: a card here
has its keys in a file.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import ClassVar, Final, TypeVar

import msgspec

from readers.errors import ReadersError
from readers.virtual.drawer import Drawer, KeptCard
from readers.virtual.errors import (
    BadRequest,
    NoSuchCard,
    NoSuchReader,
    NoSuchSocket,
    ReaderOccupied,
)
from readers.virtual.plug import Plug

log = logging.getLogger(__name__)

T = TypeVar("T")

HOST: Final = "127.0.0.1"
_LONGEST_BODY: Final = 4096
_STATUS: Final[Mapping[type[ReadersError], HTTPStatus]] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    NoSuchCard: HTTPStatus.NOT_FOUND,
    NoSuchReader: HTTPStatus.NOT_FOUND,
    ReaderOccupied: HTTPStatus.CONFLICT,
    NoSuchSocket: HTTPStatus.SERVICE_UNAVAILABLE,
}


class CardView(msgspec.Struct, frozen=True):
    """A card as the tray shows it; ``uid`` in hexadecimal."""

    id: str
    label: str
    uid: str


class ReaderView(msgspec.Struct, frozen=True):
    """A reader as the tray shows it; ``card`` is the id of what lies on it."""

    index: int
    name: str
    card: str | None


class TrayView(msgspec.Struct, frozen=True):
    """The whole tray."""

    readers: tuple[ReaderView, ...]
    cards: tuple[CardView, ...]


class NewCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to write on a new card."""

    label: str


class Lay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which card to lay, and at which command from then on it is torn away (from 1)."""

    card: str
    tear_after: int | None = None


class Lift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class Tray:
    """Cards in a drawer and places on readers; safe to use from several threads.

    Args:
        drawer: where the cards are.
        readers: names and sockets, in order.
    """

    def __init__(self, drawer: Drawer, readers: Sequence[tuple[str, Path]]) -> None:
        self._drawer = drawer
        self._names = [name for name, _ in readers]
        self._plugs = [Plug(socket) for _, socket in readers]
        self._laid: list[KeptCard | None] = [None] * len(readers)
        self._lock = threading.Lock()

    def state(self) -> TrayView:
        """Every reader and every card."""
        with self._lock:
            readers = tuple(
                ReaderView(index, name, card.id if (card := self._on(index)) else None)
                for index, name in enumerate(self._names)
            )
            return TrayView(readers, tuple(_view(card) for card in self._drawer.cards))

    def add(self, asked: NewCard) -> CardView:
        """A new card."""
        with self._lock:
            return _view(self._drawer.add(asked.label))

    def lay(self, index: int, asked: Lay) -> TrayView:
        """Lay a card on a reader.

        Raises:
            NoSuchReader: no reader has this number.
            NoSuchCard: no card has this id.
            ReaderOccupied: a card lies there, or this card lies on another reader.
            BadRequest: it cannot be torn away before the first command.
            NoSuchSocket: pcscd is not running.
        """
        with self._lock:
            plug = self._plug(index)
            card = self._drawer.take(asked.card)
            if any(self._on(other) is card for other in range(len(self._plugs))):
                raise ReaderOccupied(f"card {card.id} lies on a reader already")
            if asked.tear_after is not None and asked.tear_after < 1:
                raise BadRequest("tear_after counts commands from 1")
            card.tear_after(asked.tear_after)
            plug.insert(card)
            self._laid[index] = card
        return self.state()

    def lift(self, index: int, _asked: Lift) -> TrayView:
        """Take the card from a reader; nothing happens if none lies there.

        Raises:
            NoSuchReader: no reader has this number.
        """
        with self._lock:
            self._plug(index).remove()
            self._laid[index] = None
        return self.state()

    def clear(self) -> None:
        """Lift every card."""
        for index in range(len(self._plugs)):
            self.lift(index, Lift())

    def _plug(self, index: int) -> Plug:
        if not 0 <= index < len(self._plugs):
            raise NoSuchReader(f"there is no reader {index}")
        return self._plugs[index]

    def _on(self, index: int) -> KeptCard | None:
        return self._laid[index] if self._plugs[index].occupied else None  # torn counts as lifted


def _view(card: KeptCard) -> CardView:
    return CardView(card.id, card.label, card.uid.hex())


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"  # type: ignore[mutable-override] # only _Server makes handlers
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float | None] = 30

    def do_GET(self) -> None:
        self._answer(body=False)

    def do_POST(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        answer: object
        try:
            self._check_host()
            status, answer = HTTPStatus.OK, self._post(self._body()) if body else self._get()
        except ReadersError as error:
            status = _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
            answer = {"code": error.code, "detail": str(error)}
            self.close_connection = True  # the body may not have been read
        encoded = msgspec.json.encode(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _get(self) -> TrayView:
        if self.path != "/state":
            raise NoSuchReader(f"there is no GET {self.path}")
        return self.server.tray.state()

    def _post(self, body: bytes) -> TrayView | CardView:
        tray = self.server.tray
        match self.path.strip("/").split("/"):
            case ["cards"]:
                return tray.add(_decode(body, NewCard))
            case ["readers", index, "lay"] if index.isdecimal():
                return tray.lay(int(index), _decode(body, Lay))
            case ["readers", index, "lift"] if index.isdecimal():
                return tray.lift(int(index), _decode(body, Lift))
            case _:
                raise NoSuchReader(f"there is no POST {self.path}")

    def _check_host(self) -> None:
        """Refuse what a page elsewhere makes a browser send by giving its own name our address."""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            raise BadRequest("ask by the name localhost or 127.0.0.1")

    def _body(self) -> bytes:
        # A page elsewhere can make a browser post a form, but not JSON without asking us first.
        if self.headers.get_content_type() != "application/json":
            raise BadRequest("the body must be application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            raise BadRequest(f"Content-Length must be a number up to {_LONGEST_BODY}")
        return self.rfile.read(int(length))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name http.server gives
        log.debug(format, *arguments)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, tray: Tray) -> None:
        super().__init__((HOST, port), _Handler)
        self.tray = tray


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise BadRequest(str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop (SIGTERM, SIGINT); 0 then, 3 for a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m readers.virtual.tray", description="Lay virtual cards on virtual readers."
    )
    parser.add_argument("--directory", type=Path, required=True, help="where the cards are kept")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0: any free one")
    parser.add_argument(
        "--reader", action="append", required=True, type=_reader, metavar="NAME=SOCKET"
    )
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="tray: %(message)s")
    try:
        tray = Tray(Drawer(asked.directory), asked.reader)
        server = _Server(asked.port, tray)
    except (ReadersError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the line says it all
        return 3
    with server:
        _stop_on_signals(server)
        sys.stdout.write(f"tray: http://localhost:{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever(poll_interval=0.1)
    tray.clear()
    return 0


def _stop_on_signals(server: _Server) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()  # it waits for the loop this interrupts

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _reader(text: str) -> tuple[str, Path]:
    name, equals, socket = text.rpartition("=")
    if not (name and equals and socket):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SOCKET")
    return name, Path(socket)


if __name__ == "__main__":
    sys.exit(main())
