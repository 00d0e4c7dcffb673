"""The terminal's side of the server's API: signed requests, decoded answers, three errors."""

import secrets
import threading
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from readers.contract import wire
from readers.contract.front_desk import FRONT_DESK_PATH, Seen, SeenTaken
from readers.contract.health import HEALTH_PATH, HealthReport, HealthTaken
from readers.contract.services import Service
from readers.contract.tokens import (
    REQUEST_AUDIENCE,
    REQUEST_LIFETIME,
    REQUEST_TYPE,
    sign_token,
)
from readers.terminal.bundle import MAX_BUNDLE_BYTES
from readers.terminal.errors import ServerNotUnderstood, ServerRefused, ServerUnreachable
from readers.terminal.state import Identity

TIMEOUT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = MAX_BUNDLE_BYTES + 1024
KEEP_ALIVE_SECONDS: Final = 120.0

T = TypeVar("T")


class Network:
    """A switch for demonstrations: while it is cut, no connection to the server is opened."""

    def __init__(self) -> None:
        self._cut = threading.Event()

    @property
    def is_cut(self) -> bool:
        """Whether it is."""
        return self._cut.is_set()

    def cut(self, *, yes: bool) -> None:
        """Cut it, or join it again."""
        if yes:
            self._cut.set()
        else:
            self._cut.clear()

    def require(self) -> None:
        """Go on only if it is not cut.

        Raises:
            ServerUnreachable: it is.
        """
        if self.is_cut:
            raise ServerUnreachable("The network is cut, by the switch of the demonstration.")


class _Problem(msgspec.Struct):
    """RFC 9457, as far as we read it."""

    code: str = "unknown"
    title: str = ""
    detail: str = ""


class Server:
    """Requests of one terminal. May be used by several threads.

    No proxy of the environment is used: a terminal speaks to one server and to nobody else.

    Every method raises:
        ServerUnreachable: no answer.
        ServerRefused: a problem was answered.
        ServerNotUnderstood: the answer is not what was agreed.

    Args:
        url: of the server.
        identity: who asks; None before enrolment.
        network: the switch.
        transport: another way to reach the server, for tests.
    """

    def __init__(
        self,
        url: str,
        identity: Identity | None,
        *,
        network: Network | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self.network = network or Network()
        self._identity = identity
        self._client = httpx.Client(
            base_url=url,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
            limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS),
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def enrol(self, request: wire.EnrolRequest) -> wire.Enrolled:
        """Exchange a one-time code for an identity."""
        return self._call("POST", wire.ENROL_PATH, wire.Enrolled, body=request)

    def bundle(self, *, now: datetime) -> wire.SignedBundle:
        """The present bundle, not verified yet; a server that is older sends its lists whole."""
        path = f"{wire.BUNDLE_PATH}?{wire.LISTS}={wire.LISTS_IN_SHARDS}"
        return self._call("GET", path, wire.SignedBundle, now=now)

    def shard(self, service: Service, digest: str) -> bytes:
        """A piece of a service's status list, not checked yet."""
        return self._ask("GET", f"{wire.status_shards_path(service)}/{digest}")

    def venue_bundle(self, authority: str) -> wire.SignedBundle:
        """What venues decide by, not verified yet; anybody may ask."""
        query = urlencode({"authority": authority})
        return self._call("GET", f"{wire.VENUE_BUNDLE_PATH}?{query}", wire.SignedBundle)

    def read_keys(self, *, now: datetime) -> wire.ReadKeys:
        """The read keys of the terminal's services."""
        return self._call("GET", wire.READ_KEYS_PATH, wire.ReadKeys, now=now)

    def upload(self, taps: list[wire.TapEvent], *, now: datetime) -> wire.TapsStored:
        """Hand over taps; the same ones as often as need be."""
        return self._call(
            "POST", wire.TAPS_PATH, wire.TapsStored, now=now, body=wire.TapUpload(taps=taps)
        )

    def report_health(self, report: HealthReport, *, now: datetime) -> HealthTaken:
        """Say how this terminal is."""
        return self._call("POST", HEALTH_PATH, HealthTaken, now=now, body=report)

    def tell_desk(
        self, seen: Seen, *, now: datetime, timeout: float = TIMEOUT_SECONDS
    ) -> SeenTaken:
        """Tell the clerk whose browser this terminal serves; ``timeout`` in seconds per step."""
        return self._call("POST", FRONT_DESK_PATH, SeenTaken, now=now, body=seen, timeout=timeout)

    def check(
        self, request: wire.CheckRequest, *, now: datetime, timeout: float = TIMEOUT_SECONDS
    ) -> wire.CheckAnswer:
        """What the server knows of a record and a card; ``timeout`` in seconds per step."""
        return self._call(
            "POST", wire.CHECKS_PATH, wire.CheckAnswer, now=now, body=request, timeout=timeout
        )

    def pairing_code(self, *, now: datetime) -> wire.PairingOffer:
        """A code with which a member of staff makes this terminal serve their browser."""
        return self._call("POST", wire.PAIRING_PATH, wire.PairingOffer, now=now)

    def authorization(self, now: datetime) -> str:
        """The header that shows who asks; good for a minute, worth nothing elsewhere."""
        identity = self._identity
        if identity is None:
            raise ServerRefused(401, "not-enrolled", "This terminal has no identity yet.")
        issued = int(now.timestamp())
        claims = {
            "sub": identity.terminal_id,
            "aud": REQUEST_AUDIENCE,
            "iat": issued,
            "exp": issued + int(REQUEST_LIFETIME.total_seconds()),
            "jti": secrets.token_urlsafe(12),
        }
        token = sign_token(REQUEST_TYPE, claims, key_id=identity.terminal_id, sign=identity.sign)
        return f"Bearer {token}"

    def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        now: datetime | None = None,
        body: object = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> T:
        answer = self._ask(method, path, now=now, body=body, timeout=timeout)
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.DecodeError as error:
            raise ServerNotUnderstood(
                f"{path} was answered with something else: {error}."
            ) from error

    def _ask(
        self,
        method: str,
        path: str,
        *,
        now: datetime | None = None,
        body: object = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> bytes:
        self.network.require()
        headers = {"Accept": "application/json, */*"}
        if now is not None:
            headers["Authorization"] = self.authorization(now)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        request = self._client.build_request(
            method, path, headers=headers, content=content, timeout=timeout
        )
        status, answer = self._send(request)
        if status >= httpx.codes.BAD_REQUEST:
            raise _refusal(status, answer)
        return answer

    def _send(self, request: httpx.Request) -> tuple[int, bytes]:
        answer = bytearray()
        try:
            response = self._client.send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise ServerNotUnderstood(f"{request.url.path} was answered without end.")
            finally:
                response.close()
        except httpx.RequestError as error:
            raise ServerUnreachable(
                f"No answer from {self.url}: {type(error).__name__}: {error}."
            ) from error
        return response.status_code, bytes(answer)


def _refusal(status: int, answer: bytes) -> Exception:
    try:
        problem = msgspec.json.decode(answer, type=_Problem)
    except msgspec.DecodeError:
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return ServerUnreachable(f"The server has a fault ({status}).")
        return ServerNotUnderstood(f"The server answered {status} and no more.")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerUnreachable(f"The server has a fault ({status} {problem.code}).")
    return ServerRefused(status, problem.code, problem.detail or problem.title)
