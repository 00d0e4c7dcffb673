"""A card session: the server speaks with the card, and the terminal only carries the bytes."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from readers.card.channel import Channel
from readers.contract.reasons import Reason
from readers.contract.wire import (
    CARD_SESSION_PATH,
    Answer,
    Broken,
    Command,
    Ended,
    FromServer,
    Hello,
)
from readers.errors import CardMute, CardRemoved, ReaderFault
from readers.terminal.errors import ServerNotUnderstood, ServerUnreachable
from readers.terminal.server import Network

log = logging.getLogger(__name__)

TOTAL_SECONDS: Final = 30.0
OPEN_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
MAX_MESSAGE: Final = 4096

_decoder: Final[msgspec.json.Decoder[Command | Ended]] = msgspec.json.Decoder(FromServer)


def run_card_session(
    url: str,
    hello: Hello | Broken,
    channel: Channel,
    *,
    authorization: str,
    network: Network,
    doing: Callable[[Sequence[str]], None] = lambda _: None,
    seconds: float = TOTAL_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> Ended | Broken:
    """Carry commands to the card and answers back until the server ends the session.

    Args:
        url: of the server.
        hello: the card in the field and what it is there for; or why it cannot be read, for
            whoever waits for it at the server.
        channel: to that card.
        authorization: header that shows which terminal this is.
        network: asked before every step.
        doing: told what is done to the card whenever that changes, before the card is asked.
        seconds: the session's whole length.
        monotonic: seconds that only go forward.

    Returns:
        How the server ended it; or that card or reader failed, which the server was told. Either
        way the session can be run again.

    Raises:
        ServerUnreachable: no session, or the connection was lost in the middle of one.
        ServerNotUnderstood: the server said something that is not part of a session.
    """
    deadline = monotonic() + seconds
    network.require()
    try:
        with connect(
            _websocket_url(url),
            additional_headers={"Authorization": authorization},
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_MESSAGE,
            compression=None,
            proxy=None,
        ) as connection:
            connection.send(msgspec.json.encode(hello), text=True)
            return _carry(connection, channel, network, doing, lambda: deadline - monotonic())
    except InvalidHandshake as error:
        raise ServerNotUnderstood(f"The server opened no card session: {error}.") from error
    except (OSError, WebSocketException) as error:
        raise ServerUnreachable(
            f"The card session broke off: {type(error).__name__}: {error}."
        ) from error


def _carry(
    connection: ClientConnection,
    channel: Channel,
    network: Network,
    doing: Callable[[Sequence[str]], None],
    left: Callable[[], float],
) -> Ended | Broken:
    step, told = 0, list[str]()
    while True:
        message = _next(connection, left())
        network.require()
        if isinstance(message, Ended):
            return message
        step += 1
        if message.step != step:
            raise ServerNotUnderstood(f"Step {message.step} came where step {step} was due.")
        if message.doing != told:
            told = message.doing
            doing(told)
        answer = _ask_card(channel, message)
        connection.send(msgspec.json.encode(answer), text=True)
        if isinstance(answer, Broken):
            return answer


def _next(connection: ClientConnection, seconds: float) -> Command | Ended:
    try:
        return _decoder.decode(connection.recv(timeout=max(seconds, 0.0)))
    except msgspec.DecodeError as error:
        raise ServerNotUnderstood(f"This is no message of a card session: {error}.") from error


def _ask_card(channel: Channel, command: Command) -> Answer | Broken:
    try:
        return Answer(step=command.step, apdu=channel.transmit(command.apdu))
    except CardRemoved as error:
        return _broken(Reason.CARD_REMOVED, error)
    except CardMute as error:
        return _broken(Reason.CARD_MUTE, error)
    except ReaderFault as error:
        return _broken(Reason.READER_FAULT, error)


def _broken(reason: Reason, error: Exception) -> Broken:
    log.info("the card session broke off: %s", error)
    return Broken(reason=reason)


def _websocket_url(url: str) -> str:
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path + CARD_SESSION_PATH, "", ""))
