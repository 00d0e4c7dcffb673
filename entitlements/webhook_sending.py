"""One message to one address: what is asked of the network, and what may come back."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from entitlements.webhook_addresses import AddressFault, Place, Resolve, ask_system, look_up

ANSWER_SECONDS: Final = 10.0
"""For the look-up, the connection and the whole answer, however it trickles in."""
LONGEST_REST: Final = timedelta(hours=24)
"""A receiver that asks for a longer rest gets this one."""
_MOST_READ: Final = 1024
_LONGEST_LINE: Final = 100
_SECONDS_DIGITS: Final = 9
_MAY_ASK_FOR_REST: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "Kent-Card-Webhooks/1",
    "accept-encoding": "identity",  # nothing of theirs is ever unpacked
}


class Result(StrEnum):
    """What came of a try. Permanent words: the delivery log shows them."""

    TAKEN = "taken"
    REFUSED = "refused"
    GONE = "gone"
    REDIRECT = "redirect"
    TOO_SLOW = "too-slow"
    NO_CONNECTION = "no-connection"
    NOT_TRUSTED = "certificate-not-trusted"
    BAD_ANSWER = "not-http"
    NOT_PUBLIC = AddressFault.NOT_PUBLIC.value
    NOT_FOUND = AddressFault.NOT_FOUND.value


class Tried(msgspec.Struct, frozen=True):
    """How a try went.

    Attributes:
        result: in one word.
        status: of the HTTP answer; None when there was none.
        line: the beginning of what a refusal said, in plain characters; empty for the others.
        took_ms: milliseconds.
        rest: how long the receiver asked to be left alone.
    """

    result: Result
    status: int | None = None
    line: str = ""
    took_ms: int = 0
    rest: timedelta = timedelta(0)


class Way(msgspec.Struct, frozen=True):
    """How messages leave.

    Attributes:
        http: of `connections`.
        resolve: looks names up.
        loopback: whether messages may go to this machine: for tests and the demo.
        seconds: for one try in all.
    """

    http: httpx.AsyncClient
    resolve: Resolve = ask_system
    loopback: bool = False
    seconds: float = ANSWER_SECONDS


def connections(verify: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Connections for messages: no proxy of the environment, and none is used a second time.

    One kept open to an address would be handed to the next name at that address, whose certificate
    nobody would have checked.
    """
    return httpx.AsyncClient(
        verify=verify or ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_keepalive_connections=0),
        timeout=None,  # noqa: S113  (`send` gives the whole of a try its time)
    )


async def send(way: Way, place: Place, body: bytes, headers: Mapping[str, str]) -> Tried:
    """Send one message, once. Whatever happens is an answer, never an exception."""
    clock = asyncio.get_running_loop().time
    began = clock()
    tried = Tried(Result.TOO_SLOW)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(way.seconds):
            tried = await _send(way, place, body, headers)
    return msgspec.structs.replace(tried, took_ms=round((clock() - began) * 1000))


async def _send(way: Way, place: Place, body: bytes, headers: Mapping[str, str]) -> Tried:
    found = await look_up(place, way.resolve, loopback=way.loopback)
    if not isinstance(found, Place):
        return Tried(Result(found.value))
    try:
        async with way.http.stream(
            "POST",
            found.url.copy_with(host=found.address, port=found.port),
            content=body,
            headers={**_HEADERS, **headers, "host": _host_header(found)},
            extensions={"sni_hostname": found.name},  # the certificate must be the name's
        ) as answer:
            return await _judged(answer)
    except httpx.RemoteProtocolError:
        return Tried(Result.BAD_ANSWER)
    except httpx.HTTPError as error:
        return Tried(Result.NOT_TRUSTED if _is_of_tls(error) else Result.NO_CONNECTION)


async def _judged(answer: httpx.Response) -> Tried:
    status = answer.status_code
    if answer.is_success:
        return Tried(Result.TAKEN, status)
    if answer.has_redirect_location or status == HTTPStatus.NOT_MODIFIED:
        return Tried(Result.REDIRECT, status)
    result = Result.GONE if status == HTTPStatus.GONE else Result.REFUSED
    return Tried(result, status, await _first_line(answer), rest=_rest_asked(answer))


def _rest_asked(answer: httpx.Response) -> timedelta:
    """What `Retry-After` asks for, in whole seconds; a date in it is not looked at.

    Source: RFC 9110 section 10.2.3; Standard Webhooks 1.0.0, "Deliverability and reliability".
    """
    said = answer.headers.get("retry-after", "")
    if answer.status_code not in _MAY_ASK_FOR_REST or not (said.isascii() and said.isdigit()):
        return timedelta(0)
    return min(timedelta(seconds=int(said[:_SECONDS_DIGITS])), LONGEST_REST)


async def _first_line(answer: httpx.Response) -> str:
    """The beginning of a refusal, without what could do harm in a page or a log."""
    read = b""
    async for chunk in answer.aiter_raw(_MOST_READ):
        read += chunk
        if len(read) >= _MOST_READ or b"\n" in read:
            break
    line = read[:_MOST_READ].split(b"\n", 1)[0].decode("ascii", "replace")
    return "".join(each if " " <= each <= "~" else "?" for each in line.strip())[:_LONGEST_LINE]


def _host_header(place: Place) -> str:
    return f"{place.name}:{place.port}" if place.url.port else place.name


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether TLS is at the bottom of it: the certificate, its name, or no TLS at all."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
