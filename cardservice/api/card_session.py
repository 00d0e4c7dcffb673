"""The WebSocket of a card session: the server's commands out, the card's answers back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import card_sessions, metrics, progress
from cardservice.api.guards import signed_by_terminal
from cardservice.card_sessions import Exchange, Means, Outcome
from cardservice.database import Database
from cardservice.errors import BadMessage, SessionBroken
from cardservice.settings import Settings
from cardservice.terminals import KnownTerminal
from cardservice.updates import Update
from readers.contract.wire import (
    CARD_SESSION_PATH,
    WIRE_VERSION,
    Answer,
    Broken,
    Command,
    Ended,
    FromTerminal,
    Hello,
    Purpose,
    SessionResult,
    UpdateKind,
)

LARGEST_MESSAGE: Final = 4096
_DECODER: Final[msgspec.json.Decoder[FromTerminal]] = msgspec.json.Decoder(FromTerminal)
_LOG = structlog.get_logger(__name__)

Socket = WebSocket[KnownTerminal, Any, Any]


class Relay:
    """One WebSocket as the far end of a card.

    Args:
        socket: accepted.
        settings: say how long one answer, and all of them, may take.
    """

    def __init__(self, socket: Socket, settings: Settings) -> None:
        self._socket = socket
        self._step_seconds = settings.card_step_seconds
        self._until = asyncio.get_running_loop().time() + settings.card_session_seconds
        self._step = 0

    async def hello(self) -> Hello:
        """The first message.

        Raises:
            BadMessage: it is something else.
            SessionBroken: the terminal went.
            TimeoutError: it says nothing.
        """
        match await self._receive():
            case Hello() as hello:
                return hello
            case Broken(reason=reason):
                raise SessionBroken(reason)
            case Answer():
                raise BadMessage("a card session begins with hello")

    async def exchange(self, command: bytes, doing: Sequence[UpdateKind]) -> bytes:
        """One command to the card and its answer; raises as `card_sessions.Exchange` says."""
        self._step += 1
        await self._send(Command(step=self._step, apdu=command, doing=list(doing)))
        match await self._receive():
            case Answer(step=step, apdu=apdu) if step == self._step:
                return apdu
            case Broken(reason=reason):
                raise SessionBroken(reason)
            case _:
                raise BadMessage(f"an answer to step {self._step} was expected")

    async def end(self, ended: Ended) -> None:
        """The last message; nobody may be there to hear it."""
        try:
            await self._send(ended)
            await self._socket.close()
        except SessionBroken:
            return

    async def _send(self, message: Command | Ended) -> None:
        try:
            await self._socket.send_data(msgspec.json.encode(message), mode="text")
        except (RuntimeError, OSError) as error:  # what servers raise once the peer is gone
            raise SessionBroken(None) from error

    async def _receive(self) -> FromTerminal:
        now = asyncio.get_running_loop().time()
        async with asyncio.timeout_at(min(now + self._step_seconds, self._until)):
            event: Any = await self._socket.receive()
        if event["type"] != "websocket.receive":
            raise SessionBroken(None)
        data = event.get("text") or event.get("bytes") or b""
        if len(data) > LARGEST_MESSAGE:
            raise BadMessage("a message of this size has no place in a card session")
        try:
            return _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise BadMessage(f"not a message of a card session: {error}") from error


@websocket(CARD_SESSION_PATH, guards=[signed_by_terminal])
async def card_session(
    socket: Socket,
    database: NamedDependency[Database],
    means: NamedDependency[Means],
    settings: NamedDependency[Settings],
) -> None:
    """Hold one card session and say how it ended."""
    await socket.accept()
    relay = Relay(socket, settings)
    done: tuple[Update, ...] = ()
    try:
        hello = await relay.hello()
    except (SessionBroken, BadMessage, TimeoutError) as error:
        purpose, outcome = "none", _not_begun(error)
        await _tell(socket, database, outcome)
    else:
        purpose = hello.purpose.value
        outcome, done = await _hold(relay, hello, socket, database, means)
    metrics.CARD_SESSIONS.labels(purpose, outcome.result.value).inc()
    _LOG.info(
        "card session ended",
        terminal=str(socket.user.id),
        purpose=purpose,
        result=outcome.result.value,
        code=outcome.code,
    )
    await relay.end(card_sessions.ended(outcome, done))


async def _hold(
    relay: Relay, hello: Hello, socket: Socket, database: Database, means: Means
) -> tuple[Outcome, tuple[Update, ...]]:
    """How it went, and what was done if all of it was."""
    terminal, clock = socket.user, socket.app.state.clock
    if hello.wire_version != WIRE_VERSION:
        return Outcome(SessionResult.REFUSED, card_sessions.OTHER_VERSION), ()
    if hello.purpose not in terminal.purposes:
        return Outcome(SessionResult.REFUSED, "purpose-not-allowed"), ()
    async with database.transaction() as session:
        told = await _told(session, terminal, hello, now=clock())
        plan = await card_sessions.prepare(session, means, terminal, hello, now=clock())
        if isinstance(plan, SessionResult):
            await _finish(session, told, Outcome(plan), now=clock())
            return Outcome(plan), ()
    exchange: Exchange = relay.exchange
    if told is not None:
        exchange = progress.watched(exchange, database, told, clock)
    outcome = await card_sessions.drive(plan, exchange)
    async with database.transaction() as session:
        await card_sessions.conclude(session, plan, terminal, outcome, now=clock())
        await _finish(session, told, outcome, now=clock())
    return outcome, plan.updates if outcome.result is SessionResult.DONE else ()


async def _told(
    session: AsyncSession, terminal: KnownTerminal, hello: Hello, *, now: datetime
) -> UUID | None:
    """Where the making of a card is noted for the clerk whom the reader serves, if it does."""
    if hello.purpose is not Purpose.PERSONALISE:
        return None
    return await progress.begin(session, terminal.id, now=now)


async def _tell(socket: Socket, database: Database, outcome: Outcome) -> None:
    """A card that cannot be read at all is told of too: a clerk waits for it."""
    clock = socket.app.state.clock
    async with database.transaction() as session:
        told = await progress.begin(session, socket.user.id, now=clock())
        await _finish(session, told, outcome, now=clock())


async def _finish(
    session: AsyncSession, told: UUID | None, outcome: Outcome, *, now: datetime
) -> None:
    if told is not None:
        await progress.finish(session, told, outcome, now=now)


def _not_begun(error: SessionBroken | BadMessage | TimeoutError) -> Outcome:
    match error:
        case TimeoutError():
            return Outcome(SessionResult.TIMED_OUT)
        case BadMessage():
            return Outcome(SessionResult.REFUSED, error.code)
        case SessionBroken(reason=reason):
            return Outcome(SessionResult.BROKEN_OFF, reason.value if reason else None)
