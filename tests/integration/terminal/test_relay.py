"""A card session carries bytes between server and card, in order and in bounds; no more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from readers.contract.reasons import Reason
from readers.contract.wire import Broken, Command, Ended, Hello, Purpose, SessionResult
from readers.errors import CardMute, CardRemoved, ReaderFault, ReadersError
from readers.terminal.errors import ServerNotUnderstood, ServerUnreachable
from readers.terminal.relay import run_card_session
from readers.terminal.server import Network
from tests.support.issuer import UID
from tests.support.tiny_server import TinyServer

HELLO = Hello(purpose=Purpose.UPDATE, uid=UID)
ENDED = Ended(result=SessionResult.DONE, title="Your card is up to date")


class Echo:
    """A card that answers what it was told, and remembers it."""

    def __init__(self, error: ReadersError | None = None) -> None:
        self.told: list[bytes] = []
        self.error = error

    def transmit(self, command: bytes) -> bytes:
        self.told.append(command)
        if self.error:
            raise self.error
        return command + b"\x91\x00"


class Served:
    """A server that speaks lines of its own, and what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.url = ""
        self.gone = threading.Event()


@contextmanager
def serving(talk: Callable[[ServerConnection, Served], None]) -> Iterator[Served]:
    served = Served()

    def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        served.headers = dict(connection.request.headers.raw_items())
        try:
            served.heard.append(_bytes(connection.recv(timeout=10)))
            talk(connection, served)
        except ConnectionClosed:
            pass
        finally:
            served.gone.set()

    server = serve(handler, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def say(connection: ServerConnection, message: object) -> None:
    connection.send(msgspec.json.encode(message))


def session(
    served: Served, card: Echo, *, seconds: float = 10.0, network: Network | None = None
) -> Ended | Broken:
    return run_card_session(
        served.url,
        HELLO,
        card,
        authorization="Bearer token",
        network=network or Network(),
        seconds=seconds,
    )


def test_commands_go_to_the_card_and_its_answers_back() -> None:
    def talk(connection: ServerConnection, served: Served) -> None:
        for step in (1, 2):
            say(connection, Command(step=step, apdu=bytes([0x90, step])))
            served.heard.append(_bytes(connection.recv(timeout=10)))
        say(connection, ENDED)

    card = Echo()
    with serving(talk) as served:
        assert session(served, card) == ENDED
    assert card.told == [b"\x90\x01", b"\x90\x02"]
    hello, first, second = (msgspec.json.decode(message) for message in served.heard)
    assert hello["type"] == "hello"
    assert (first["step"], first["apdu"]) == (1, "kAGRAA==")
    assert (second["step"], second["apdu"]) == (2, "kAKRAA==")
    assert served.headers["Authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CardRemoved("gone"), Reason.CARD_REMOVED),
        (CardMute("silent"), Reason.CARD_MUTE),
        (ReaderFault("broken"), Reason.READER_FAULT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_accident_is_told_to_the_server_by_its_reason(
    error: ReadersError, reason: Reason
) -> None:
    def talk(connection: ServerConnection, served: Served) -> None:
        say(connection, Command(step=1, apdu=b"\x90\x5a"))
        served.heard.append(_bytes(connection.recv(timeout=10)))

    with serving(talk) as served:
        assert session(served, Echo(error)) == Broken(reason=reason)
        assert served.gone.wait(10)
    assert msgspec.json.decode(served.heard[1]) == {"type": "broken", "reason": reason}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b'{"type": "answer", "step": 1, "apdu": "kA=="}', id="our own kind"),
        pytest.param(b'{"type": "run", "step": 1, "apdu": "kA=="}', id="another kind"),
        pytest.param(b'{"type": "command", "step": 1, "apdu": ""}', id="an empty command"),
        pytest.param(
            msgspec.json.encode(Command(step=1, apdu=bytes(513))), id="a command too long"
        ),
        pytest.param(msgspec.json.encode(Command(step=2, apdu=b"\x90")), id="step 2 first"),
        pytest.param(msgspec.json.encode(Command(step=0, apdu=b"\x90")), id="step 0"),
    ],
)
def test_what_is_no_step_of_a_session_never_reaches_the_card(message: bytes) -> None:
    card = Echo()
    with (
        serving(lambda connection, _: connection.send(message)) as served,
        pytest.raises(ServerNotUnderstood),
    ):
        session(served, card)
    assert card.told == []


def test_a_step_that_comes_twice_is_not_sent_twice() -> None:
    def talk(connection: ServerConnection, _: Served) -> None:
        for _repeated in range(2):
            say(connection, Command(step=1, apdu=b"\x90"))
            connection.recv(timeout=10)

    card = Echo()
    with serving(talk) as served, pytest.raises(ServerNotUnderstood):
        session(served, card)
    assert card.told == [b"\x90"]


def test_a_message_without_end_is_not_read() -> None:
    card = Echo()
    with (
        serving(lambda connection, _: connection.send("x" * 100_000)) as served,
        pytest.raises(ServerUnreachable),
    ):
        session(served, card)
    assert card.told == []


def test_a_server_that_falls_silent_is_given_up() -> None:
    def talk(connection: ServerConnection, _: Served) -> None:
        connection.recv(timeout=10)

    with serving(talk) as served, pytest.raises(ServerUnreachable, match="Timeout"):
        session(served, Echo(), seconds=0.2)


def test_a_session_without_end_ends() -> None:
    def talk(connection: ServerConnection, _: Served) -> None:
        step = 0
        while True:
            step += 1
            say(connection, Command(step=step, apdu=b"\x90\xaf"))
            connection.recv(timeout=10)

    with serving(talk) as served, pytest.raises(ServerUnreachable, match="Timeout"):
        session(served, Echo(), seconds=0.3)


def test_a_server_that_hangs_up() -> None:
    with (
        serving(lambda connection, _: connection.close()) as served,
        pytest.raises(ServerUnreachable),
    ):
        session(served, Echo())


def test_a_server_that_is_not_there() -> None:
    nobody = Served()
    nobody.url = "http://127.0.0.1:9"
    with pytest.raises(ServerUnreachable):
        session(nobody, Echo())


def test_a_cut_network_opens_no_session_and_breaks_one_off() -> None:
    network = Network()
    network.cut(yes=True)
    nobody = Served()
    with pytest.raises(ServerUnreachable, match="cut"):
        session(nobody, Echo(), network=network)
    network.cut(yes=False)

    def talk(connection: ServerConnection, _: Served) -> None:
        network.cut(yes=True)
        say(connection, Command(step=1, apdu=b"\x90"))

    card = Echo()
    with serving(talk) as served, pytest.raises(ServerUnreachable, match="cut"):
        session(served, card, network=network)
    assert card.told == []


def test_a_server_that_opens_no_session(server: TinyServer) -> None:
    refusing = Served()
    refusing.url = server.url
    with pytest.raises(ServerNotUnderstood, match="no card session"):
        session(refusing, Echo())
