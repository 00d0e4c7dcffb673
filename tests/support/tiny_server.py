"""A small real server of the tests' own that speaks the wire, over real sockets."""

import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from websockets.datastructures import Headers
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from readers.card.apdu import Procedure, ResponseApdu
from readers.contract import wire
from readers.contract.health import HEALTH_PATH, HealthReport, HealthTaken
from readers.contract.services import Service
from readers.contract.shards import MEDIA_TYPE
from readers.contract.tokens import REQUEST_AUDIENCE, REQUEST_TYPE, key_id_of, verify_token
from readers.errors import TokenRefused
from tests.support.issuer import TERMINAL, Issuer

CODE = "ABCD-EFGH-JKMN-PQRS"


class TinyServer:
    """Answers one terminal, as told by its attributes.

    Attributes:
        now: what time it is for the server.
        taps: every tap it holds, by sequence.
        batches: the sequences of each batch that came.
        keep: is given each batch before it is confirmed.
        refuse: path -> (status, code) it answers instead.
        knows_shards: whether it gives lists in pieces to who asks; an older server does not.
        shards: the pieces it gives out, by digest.
        handed_out: what somebody in between gives out instead of those of the next bundles.
        unacceptable: sequences that make it refuse a whole batch.
        healths: what the terminal said of itself.
        answer: what it says when asked before the light.
        delay: seconds it takes to say so, one byte at a time.
        session: makes the procedure a card session runs, from its first message.
        doing: what it says that a card session does.
        ended: what it says when a card session was done.
        said: every message of card sessions.
    """

    def __init__(self, issuer: Issuer, *services: Service, now: datetime) -> None:
        self.issuer = issuer
        self.services = services
        self.now = now
        self.bundle_changes: dict[str, Any] = {}
        self.terminal_id = TERMINAL
        self.public_key: Ed25519PublicKey | None = None
        self.codes = {CODE}
        self.taps: dict[int, wire.TapEvent] = {}
        self.batches: list[list[int]] = []
        self.keep: Callable[[wire.TapUpload], None] = lambda _: None
        self.refuse: dict[str, tuple[int, str]] = {}
        self.unacceptable: set[int] = set()
        self.answer: Callable[[wire.CheckRequest], tuple[int | None, bool]] = lambda _: (
            None,
            False,
        )
        self.asked: list[wire.CheckRequest] = []
        self.healths: list[HealthReport] = []
        self.delay = 0.0
        self.session: Callable[[wire.Hello], Procedure[None] | wire.Ended] | None = None
        self.said: list[object] = []
        self.doing: list[str] = []
        self.ended = wire.Ended(
            result=wire.SessionResult.DONE, title="Your card is up to date", advice="Tap again."
        )
        self.requests: list[str] = []
        self.knows_shards = True
        self.shards: dict[str, bytes] = {}
        self.handed_out: dict[str, bytes] | None = None
        self.hang_up_at_step = 0
        tiny = self

        class Handler(_Handler):
            server_is = tiny

        self._server = _Listening(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def bundle(self, *, in_shards: bool) -> str:
        changes = dict(self.bundle_changes)
        if in_shards and "status_lists" not in changes:
            for service in self.services if self.handed_out is None else ():
                self.shards |= self.issuer.shards(service)
            self.shards |= self.handed_out or {}
            changes["status_lists"] = {}
            changes.setdefault(
                "hotlists",
                {each: self.issuer.manifest_token(each, made=self.now) for each in self.services},
            )
        return self.issuer.bundle(*self.services, made=self.now, **changes)


class _Listening(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # else whoever asked has died
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # passed on


class _Handler(BaseHTTPRequestHandler):
    server_is: TinyServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        tiny = self.server_is
        self.path, _, query = self.path.partition("?")
        tiny.requests.append(self.path)
        if self.path.startswith(wire.STATUS_SHARDS_PATH):
            self._shard()
            return
        if not self._authorised():
            return
        if self.path == wire.BUNDLE_PATH:
            in_shards = tiny.knows_shards and query == f"{wire.LISTS}={wire.LISTS_IN_SHARDS}"
            token = tiny.bundle(in_shards=in_shards)
            self._say(wire.SignedBundle(token=token, server_time=tiny.now))
        elif self.path == wire.READ_KEYS_PATH:
            self._say(wire.ReadKeys({s: list(tiny.issuer.read_keys(s)) for s in tiny.services}))
        elif self.path == wire.CARD_SESSION_PATH:
            _CardSession(self).run()

    def do_POST(self) -> None:
        tiny = self.server_is
        tiny.requests.append(self.path)
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # whoever asked has died
            self.close_connection = True
            return
        if self.path == wire.ENROL_PATH:
            self._enrol(msgspec.json.decode(body, type=wire.EnrolRequest))
        elif not self._authorised():
            return
        elif self.path == wire.TAPS_PATH:
            self._store(msgspec.json.decode(body, type=wire.TapUpload))
        elif self.path == HEALTH_PATH:
            tiny.healths.append(msgspec.json.decode(body, type=HealthReport))
            self._say(HealthTaken(server_time=tiny.now))
        elif self.path == wire.CHECKS_PATH:
            request = msgspec.json.decode(body, type=wire.CheckRequest)
            tiny.asked.append(request)
            status, owed = tiny.answer(request)
            self._say(
                wire.CheckAnswer(status=status, update_owed=owed, server_time=tiny.now),
                delay=tiny.delay,
            )

    def _shard(self) -> None:
        digest = self.path.rpartition("/")[2]
        shard = self.server_is.shards.get(digest)
        if shard is None:
            self._problem(404, "not-found")
        else:
            self._send(200, shard, MEDIA_TYPE)

    def _authorised(self) -> bool:
        tiny = self.server_is
        refusal = tiny.refuse.get(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            assert tiny.public_key is not None
            assert key_id_of(token) == TERMINAL
            verify_token(
                token, REQUEST_TYPE, tiny.public_key, now=tiny.now, audience=REQUEST_AUDIENCE
            )
        except (TokenRefused, AssertionError) as error:
            refusal = (401, f"terminal-unknown {error}")
        if refusal:
            self._problem(*refusal)
        return refusal is None

    def _enrol(self, request: wire.EnrolRequest) -> None:
        tiny = self.server_is
        if request.code not in tiny.codes:
            self._problem(400, "code-not-accepted")
            return
        tiny.codes.discard(request.code)
        tiny.public_key = Ed25519PublicKey.from_public_bytes(request.public_key)
        self._say(
            wire.Enrolled(
                terminal_id=tiny.terminal_id,
                name="Gateway",
                bundle_keys=tiny.issuer.pinned,
                server_time=tiny.now,
            )
        )

    def _store(self, upload: wire.TapUpload) -> None:
        tiny = self.server_is
        sequences = [tap.sequence for tap in upload.taps]
        tiny.batches.append(sequences)
        if tiny.unacceptable.intersection(sequences):
            self._problem(400, "malformed")
            return
        tiny.keep(upload)
        new = [tap for tap in upload.taps if tap.sequence not in tiny.taps]
        tiny.taps.update({tap.sequence: tap for tap in upload.taps})
        self._say(wire.TapsStored(stored=sequences, new=len(new), server_time=tiny.now))

    def _problem(self, status: int, code: str) -> None:
        body = msgspec.json.encode({"code": code, "title": code, "detail": f"because {code}"})
        self._send(status, body, "application/problem+json")

    def _say(self, content: object, *, delay: float = 0.0) -> None:
        self._send(200, msgspec.json.encode(content), "application/json", delay=delay)

    def _send(self, status: int, body: bytes, kind: str, *, delay: float = 0.0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if delay:  # drop by drop, so that no single wait is long
                for position in range(len(body)):
                    self.wfile.write(body[position : position + 1])
                    self.wfile.flush()
                    time.sleep(delay / len(body))
            else:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _CardSession:
    """The server's end of a card session, on the socket of a request."""

    def __init__(self, handler: _Handler) -> None:
        self.tiny = handler.server_is
        self.socket: socket.socket = handler.connection
        self.protocol = ServerProtocol()
        request = Request(handler.path, Headers(list(handler.headers.items())))
        self.protocol.receive_data(request.serialize())
        self.protocol.events_received()
        self.protocol.send_response(self.protocol.accept(request))
        self._flush()
        handler.close_connection = True

    def run(self) -> None:
        hello = self._receive()
        assert isinstance(hello, wire.Hello)
        assert self.tiny.session is not None
        procedure = self.tiny.session(hello)
        ended = procedure if isinstance(procedure, wire.Ended) else self._drive(procedure)
        if ended is not None:
            self._send(ended)
        self.protocol.send_close()
        self._flush()

    def _drive(self, procedure: Procedure[None]) -> wire.Ended | None:
        step = 0
        try:
            command = next(procedure)
            while True:
                step += 1
                if step == self.tiny.hang_up_at_step:
                    return None
                doing = self.tiny.doing
                self._send(wire.Command(step=step, apdu=command.to_bytes(), doing=doing))
                answer = self._receive()
                if not isinstance(answer, wire.Answer):
                    return None
                command = procedure.send(ResponseApdu.from_bytes(answer.apdu))
        except StopIteration:
            return self.tiny.ended

    def _receive(self) -> object:
        while True:
            for frame in self.protocol.events_received():
                if getattr(frame, "opcode", None) in (Opcode.TEXT, Opcode.BINARY):
                    message = msgspec.json.Decoder(wire.FromTerminal).decode(frame.data)  # type: ignore[union-attr]  # a frame, by its opcode
                    self.tiny.said.append(message)
                    return message
            data = self.socket.recv(65536)
            if not data:
                return None
            self.protocol.receive_data(data)

    def _send(self, message: object) -> None:
        self.protocol.send_text(msgspec.json.encode(message))
        self._flush()

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.socket.sendall(data)
