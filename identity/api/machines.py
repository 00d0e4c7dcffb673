"""Requests and answers as ASGI has them, for addresses that machines ask all day.

The framework finds the route and its guards, shows every answer to its hooks and turns what is
raised into an answer, as for any other; what is left out are its objects for the request, its
headers, its body and the answer, which together take longer than most of what is done for one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Request, Response
from litestar.exceptions import InternalServerException, MethodNotAllowedException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import Receive, Scope, Send

Header: TypeAlias = tuple[bytes, bytes]
Answer: TypeAlias = "Content | Response[Any]"
"""A response of the framework is for what is seldom said, such as a refusal."""
POST: Final = "POST"
JSON: Final[Header] = (b"content-type", b"application/json")
_OPTIONS: Final = [(b"allow", b"OPTIONS, POST")]


class Content(msgspec.Struct, frozen=True):
    """What is answered with status 200: written as JSON, after headers of its own."""

    content: Any
    headers: Sequence[Header] = ()


class Asked(msgspec.Struct, frozen=True):
    """A request whose body was read.

    Attributes:
        scope: of the connection.
        body: all of it.
    """

    scope: Scope
    body: bytes

    @property
    def state(self) -> Any:  # noqa: ANN401  (whatever the application keeps)
        """The state of the application."""
        return self.scope["litestar_app"].state

    def header(self, name: bytes) -> str:
        """The first header of that name, in lower case, or empty text."""
        for each, value in self.scope["headers"]:
            if each == name:
                return value.decode("latin-1")
        return ""

    def headers(self, name: bytes) -> tuple[str, ...]:
        """Every header of that name."""
        found = [value for each, value in self.scope["headers"] if each == name]
        return tuple(value.decode("latin-1") for value in found)


def posted(
    path: str, *, opt: Mapping[str, Any]
) -> Callable[[Callable[[Asked], Awaitable[Answer]]], ASGIRouteHandler]:
    """A route that answers POST and, as every route does, says what it answers to OPTIONS."""

    def handler(answer: Callable[[Asked], Awaitable[Answer]]) -> ASGIRouteHandler:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != POST:  # type: ignore[typeddict-item]  # routed, so HTTP
                await _not_posted(scope, send)
                return
            asked = Asked(scope, await _body(scope, receive))
            await _tell(await answer(asked), scope, receive, send)

        handle.__name__, handle.__doc__ = answer.__name__, answer.__doc__
        return asgi(path, opt=dict(opt), copy_scope=False)(handle)

    return handler


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Raises RequestEntityTooLarge when it is longer than the application takes."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        parts = [message["body"]]  # nearly always: all of it came at once
    else:
        parts = await _parts(scope, message, receive)
    app: Litestar = scope["litestar_app"]
    most = app.request_max_body_size
    if isinstance(most, int) and sum(map(len, parts)) > most:
        raise RequestEntityTooLarge
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _parts(scope: Scope, message: Any, receive: Receive) -> list[bytes]:  # noqa: ANN401
    app: Litestar = scope["litestar_app"]
    most, parts, length = app.request_max_body_size, [], 0
    while True:
        if message["type"] != "http.request":
            raise InternalServerException("client disconnected prematurely")
        parts.append(message["body"])
        length += len(message["body"])
        if (isinstance(most, int) and length > most) or not message.get("more_body"):
            return parts
        message = await receive()


async def _tell(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    if isinstance(answer, Response):
        told = answer.to_asgi_response(None, Request(scope, receive, send))
        await told(scope, receive, send)
        return
    body = msgspec.json.encode(answer.content)
    headers = [*answer.headers, JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _not_posted(scope: Scope, send: Send) -> None:
    if scope["method"] != "OPTIONS":  # type: ignore[typeddict-item]  # as above
        raise MethodNotAllowedException
    await send({"type": "http.response.start", "status": 204, "headers": _OPTIONS})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
