"""Requests and answers as ASGI has them, for addresses that machines ask all day.

The framework finds the route and its guards, shows every answer to its hooks and turns what is
raised into an answer, as for any other; what is left out are its objects for the request, its
headers, its body and the answer, which together take longer than most of what is done for one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import InternalServerException, MethodNotAllowedException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import ASGIRouteHandler
from litestar.types import Guard, Receive, Scope, Send

Header: TypeAlias = tuple[bytes, bytes]
Answer: TypeAlias = "Content | Written | Response[Any]"
"""A response of the framework is for what is seldom said, such as a refusal."""
POST: Final = "POST"
JSON: Final[Header] = (b"content-type", b"application/json")
ALLOWED: Final = "OPTIONS, POST"
_OPTIONS: Final = [(b"allow", ALLOWED.encode())]


class Content(msgspec.Struct, frozen=True):
    """What is answered with status 200: written as JSON, after headers of its own."""

    content: Any
    headers: Sequence[Header] = ()


class Written(msgspec.Struct, frozen=True):
    """An answer that is bytes already, with every header but its length."""

    status: int
    headers: Sequence[Header]
    body: bytes


class Asked(msgspec.Struct, frozen=True):
    """A request, of which nothing was read yet but its head."""

    scope: Scope
    receive: Receive

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

    async def body(self) -> bytes:
        """All of it; to be asked for once.

        Raises:
            RequestEntityTooLarge: it is longer than the application takes.
        """
        return await _body(self.scope, self.receive)


class _Posted(ASGIRouteHandler):
    """Guarded where something is posted; what may be sent here at all is no secret."""

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Run the guards on the handler itself: the framework's copy of it costs more than they do.

        Raises:
            Exception: whatever a guard does.
        """
        if connection.scope["method"] == POST:  # type: ignore[typeddict-item]  # as below
            for guard in self.resolve_guards():
                await guard(connection, self)  # type: ignore[misc]  # the framework made all async


def posted(
    path: str, *, opt: Mapping[str, Any], guards: Sequence[Guard] = ()
) -> Callable[[Callable[[Asked], Awaitable[Answer]]], ASGIRouteHandler]:
    """A route that answers POST and, as every route does, says what it answers to OPTIONS."""

    def handler(answer: Callable[[Asked], Awaitable[Answer]]) -> ASGIRouteHandler:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != POST:  # type: ignore[typeddict-item]  # routed, so HTTP
                await _not_posted(scope, send)
                return
            await _tell(await answer(Asked(scope, receive)), scope, receive, send)

        handle.__name__, handle.__doc__ = answer.__name__, answer.__doc__
        return _Posted(path, opt=dict(opt), guards=guards, copy_scope=False)(handle)

    return handler


async def _body(scope: Scope, receive: Receive) -> bytes:
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
    if isinstance(answer, Content):
        body = msgspec.json.encode(answer.content)
        answer = Written(200, (*answer.headers, JSON), body)
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [*answer.headers, length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _not_posted(scope: Scope, send: Send) -> None:
    if scope["method"] != "OPTIONS":  # type: ignore[typeddict-item]  # as above
        raise MethodNotAllowedException(headers={"allow": ALLOWED})
    await send({"type": "http.response.start", "status": 204, "headers": _OPTIONS})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
