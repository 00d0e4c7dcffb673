"""Keeping a server busy from a process of its own, and two rates side by side.

A load is a number of connections that each send the next request as soon as they are answered.
Every answer is handed back, so that a bench can say whether it was right; that is looked at after
the time is taken.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from multiprocessing import get_context
from typing import Any

import msgspec
import uvloop

CONNECTIONS = 16
SECONDS = 2.0
ROUNDS = 9
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Answer(msgspec.Struct, frozen=True):
    """What came back: to which request (by its place), the status, the body, and after how long."""

    asked: int
    status: int
    body: bytes
    seconds: float


class Driven(msgspec.Struct, frozen=True):
    """What came of a load."""

    answers: list[Answer]
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds


class _Caller(asyncio.Protocol):
    """One connection, never without a request under way until the time is over."""

    def __init__(
        self, requests: Iterator[tuple[int, bytes]], answers: list[Answer], until: float
    ) -> None:
        self._requests = requests
        self._answers = answers
        self._until = until
        self._buffer = b""
        self._sent = 0.0
        self._asked = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401  (of the loop in use)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(_END)
        if not found or len(body) < _length_of(head):
            return
        self._buffer = b""
        took = time.perf_counter() - self._sent
        self._answers.append(Answer(self._asked, int(head[9:12]), body, took))
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or time.perf_counter() < self._until:
            self.done.set_exception(error or ConnectionError("the server hung up"))
        else:
            self.done.set_result(None)

    def _send(self) -> None:
        self._asked, request = next(self._requests)
        self._sent = time.perf_counter()
        self._transport.write(request)


def _length_of(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.index(_LENGTH) + len(_LENGTH)
    return int(lowered[at:].split(b"\r", 1)[0])


def drive(
    port: int, requests: Sequence[bytes], seconds: float, connections: int, *, once: bool
) -> Driven:
    """Send requests to a port of this machine until the time is over.

    Args:
        port: of the server on loopback.
        requests: whole HTTP requests, sent one after the other and then from the first again.
        seconds: for how long.
        connections: how many requests are under way at a time.
        once: no request may be sent a second time; there must be enough of them.
    """
    return uvloop.run(_driven(port, requests, seconds, connections, once=once))


async def _driven(
    port: int, requests: Sequence[bytes], seconds: float, connections: int, *, once: bool
) -> Driven:
    loop = asyncio.get_running_loop()
    answers: list[Answer] = []
    places = list(enumerate(requests))
    following = iter(places) if once else cycle(places)
    started = time.perf_counter()
    callers = []
    for _ in range(connections):
        _, caller = await loop.create_connection(
            lambda: _Caller(following, answers, started + seconds), "127.0.0.1", port
        )
        callers.append(caller.done)
    await asyncio.gather(*callers)
    return Driven(answers, time.perf_counter() - started)


@contextmanager
def load_process() -> Iterator[Callable[..., Driven]]:
    """A process that runs `drive` with the arguments it is given, so that its work is not ours."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield lambda *given, **named: pool.submit(drive, *given, **named).result()


def post(path: str, form: str, port: int, **headers: str) -> bytes:
    """A form as a whole HTTP request."""
    said = {"host": f"localhost:{port}", "content-type": "application/x-www-form-urlencoded"}
    said |= {"content-length": str(len(form)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n{form}".encode()


def get(path: str, port: int, **headers: str) -> bytes:
    """A GET as a whole HTTP request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\n{lines}\r\n".encode()


def compared(name: str, own: Sequence[Driven], other: Sequence[Driven], goal: float) -> str:
    """One line: both rates (median of the rounds) and the ratio round by round."""
    ratios = [one.rate / two.rate for one, two in zip(own, other, strict=True)]
    ours = statistics.median(each.rate for each in own)
    theirs = statistics.median(each.rate for each in other)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return (
        f"  {name:44} {ours:7.0f}/s beside {theirs:7.0f}/s: "
        f"{statistics.median(ratios):.2f} of it ({spread}; goal {goal:.1f})"
    )
