"""Lays a virtual card on a virtual reader: the card's end of the driver's socket."""

import logging
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from readers.errors import CardRemoved
from readers.virtual.errors import NoSuchSocket, ReaderOccupied

log = logging.getLogger(__name__)

POWER_OFF: Final = 0
POWER_ON: Final = 1
RESET: Final = 2
TELL_ATR: Final = 4

DESFIRE_ATR: Final = bytes.fromhex("3B8180018080")
"""Of every DESFire card on a contactless reader: PC/SC part 3, 3.1.3.2.3."""

_PATIENCE = 5.0  # seconds until the reader must have switched the card on


class Card(Protocol):
    """What can be laid on a reader."""

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU.

        Raises:
            CardRemoved: the card lost power before it could answer: it is torn away.
        """
        ...

    def reset(self) -> None:
        """Lose all that power keeps: session, selection, open transaction."""
        ...


class Plug:
    """One place on a reader, for one card at a time; not to be shared between threads.

    Args:
        address: the reader's socket (our driver), or ``(host, port)`` of a vpcd.
        torn: called when a card lost power by itself; from the thread that serves the card.
    """

    def __init__(
        self, address: Path | tuple[str, int], torn: Callable[[], None] | None = None
    ) -> None:
        self._address = address
        self._torn = torn
        self._laid: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def occupied(self) -> bool:
        """Whether a card lies here."""
        return self._laid is not None

    def insert(self, card: Card, atr: bytes = DESFIRE_ATR) -> None:
        """Lay ``card`` here; returns when the reader has switched it on.

        Raises:
            ReaderOccupied: a card lies here, or the reader took no card.
            NoSuchSocket: there is no reader at this address.
        """
        if self._laid is not None:
            raise ReaderOccupied(f"a card lies on {self._address} already")
        self._laid = _connect(self._address)
        switched_on: queue.SimpleQueue[bool] = queue.SimpleQueue()
        arguments = (self._laid, card, atr, switched_on)
        self._thread = threading.Thread(
            target=self._serve, args=arguments, name="card", daemon=True
        )
        self._thread.start()
        try:
            taken = switched_on.get(timeout=_PATIENCE)
        except queue.Empty:
            taken = False
        if not taken:
            self.remove()
            raise ReaderOccupied(f"the reader at {self._address} took no card")

    def remove(self) -> None:
        """Take the card away, whatever it is doing; nothing happens if none is there."""
        laid, self._laid = self._laid, None
        if laid is not None:
            _hang_up(laid)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)  # bounded: a mute card never comes back from its command

    def _serve(
        self,
        connection: socket.socket,
        card: Card,
        atr: bytes,
        switched_on: queue.SimpleQueue[bool],
    ) -> None:
        powered = True
        with connection:
            while powered and (frame := _receive(connection)) is not None:
                powered = _answer(connection, frame, card, atr)
                switched_on.put(item=True)
            _hang_up(connection)
        switched_on.put(item=False)
        card.reset()
        if self._laid is connection:
            self._laid = None
        if not powered and self._torn is not None:
            self._torn()


def _answer(connection: socket.socket, frame: bytes, card: Card, atr: bytes) -> bool:
    """Do what one frame asks; False when the card lost power over it."""
    if frame in {bytes([POWER_OFF]), bytes([POWER_ON]), bytes([RESET])}:
        card.reset()
        return True
    if frame == bytes([TELL_ATR]):
        _send(connection, atr)
        return True
    try:
        answer = card.transmit(frame)
    except CardRemoved:
        return False
    except Exception:
        log.exception("a virtual card failed; it is taken off the reader")
        return False
    _send(connection, answer)
    return True


def _connect(address: Path | tuple[str, int]) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.connect(str(address) if isinstance(address, Path) else address)
    except OSError as error:
        connection.close()
        raise NoSuchSocket(f"no reader at {address}: {error.strerror}") from error
    return connection


def _receive(connection: socket.socket) -> bytes | None:
    head = _receive_exactly(connection, 2)
    return None if head is None else _receive_exactly(connection, int.from_bytes(head))


def _receive_exactly(connection: socket.socket, length: int) -> bytes | None:
    received = b""
    while len(received) < length:
        if connection.family == socket.AF_INET:
            # vpcd sends length and body apart and with Nagle's algorithm on; unless the first
            # half is acknowledged at once, each APDU waits 40 ms. The option lapses: set it anew.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            part = connection.recv(length - len(received))
        except OSError:
            return None
        if not part:
            return None
        received += part
    return received


def _send(connection: socket.socket, frame: bytes) -> None:
    try:
        connection.sendall(len(frame).to_bytes(2) + frame)
    except OSError:
        log.debug("the reader let go of the card before its answer")


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("the reader had let go of the card")
