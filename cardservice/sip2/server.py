"""Listens for library machines: every message, connection and wait has an end."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket
from typing import Final

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from cardservice.sip2.conversation import Conversation, Means, Over

LARGEST_MESSAGE: Final = 2048
"""Bytes. The longest that is answered has five fields of 255 at most."""
WRITE_SECONDS: Final = 5


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and numbers within which machines have to keep.

    Attributes:
        sign_in: until a machine has signed in.
        message: from the first byte of a message to its end.
        idle: between messages of one that has.
        send: until an answer is taken.
        connections: of everybody.
        from_one_place: of one address.
    """

    sign_in: float = 30
    message: float = 10
    idle: float = 30 * 60
    send: float = 10
    connections: int = 1000
    from_one_place: int = 60


_LOG: Final = structlog.get_logger(__name__)


class Lines:
    """The messages of a connection, of bounded length, ended by CR, LF or both."""

    def __init__(self, reader: asyncio.StreamReader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._buffer = b""

    async def next(self) -> bytes:
        """The next message without its end; empty lines are none.

        Raises:
            Over: there is none, or it is too long.
            TimeoutError: it takes too long.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limits.idle) as patience:
            begun = False
            while True:
                if line := self._taken():
                    return line
                if len(self._buffer) > LARGEST_MESSAGE:
                    raise Over("message too long")
                if self._buffer and not begun:
                    patience.reschedule(loop.time() + self._limits.message)
                    begun = True
                data = await self._reader.read(LARGEST_MESSAGE)
                if not data:
                    raise Over("closed")
                self._buffer += data

    def _taken(self) -> bytes:
        """The first whole message that waits, or nothing."""
        self._buffer = self._buffer.lstrip(b"\r\n")
        ends = [at for end in b"\r\n" if (at := self._buffer.find(end)) >= 0]
        if not ends or min(ends) > LARGEST_MESSAGE:
            return b""
        line, self._buffer = self._buffer[: min(ends)], self._buffer[min(ends) :]
        return line


class Server:
    """Answers machines, many at a time.

    Args:
        means: of the process.
        limits: within which they have to keep.
    """

    def __init__(self, means: Means, limits: Limits | None = None) -> None:
        self._means = means
        self._limits = limits or Limits()
        self._open: Counter[str] = Counter()
        self._talking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(
        self, listener: socket, tls: ssl.SSLContext | None
    ) -> AsyncIterator[asyncio.Server]:
        """Listen until the end of the block; then every connection is closed.

        Args:
            listener: bound.
            tls: none only on loopback; the caller sees to it.
        """
        handshake = self._limits.message if tls else None
        server = await asyncio.start_server(
            self._connected,
            sock=listener,
            ssl=tls,
            ssl_handshake_timeout=handshake,
            limit=LARGEST_MESSAGE,
        )
        try:
            yield server
        finally:
            server.close()
            for each in self._talking:
                each.cancel()
            await asyncio.gather(*self._talking, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (a server's callback is one)
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)
        address = str((writer.get_extra_info("peername") or [""])[0])
        try:
            if self._has_room(address):
                self._open[address] += 1
                try:
                    await self._talk(reader, writer, address)
                finally:
                    self._open[address] -= 1
                    self._open += Counter()  # forgets who has none
        finally:
            await self._close(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        """Send what waits to be sent, within limits."""
        writer.close()
        try:
            async with asyncio.timeout(self._limits.send):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            writer.transport.abort()

    def _has_room(self, address: str) -> bool:
        most = self._limits
        if self._open.total() < most.connections and self._open[address] < most.from_one_place:
            return True
        _LOG.warning("too many connections of library machines", of_all=self._open.total())
        return False

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        conversation = Conversation(self._means, address)
        lines = Lines(reader, self._limits)
        try:
            async with asyncio.timeout(self._limits.sign_in) as patience:
                while True:
                    answer = await conversation.answer(await lines.next())
                    if conversation.machine is not None:
                        patience.reschedule(None)
                    writer.write(answer)
                    async with asyncio.timeout(self._limits.send):
                        await writer.drain()
        except (Over, TimeoutError, OSError) as over:
            machine = conversation.machine.name if conversation.machine else ""
            _LOG.info("sip2 connection over", why=str(over) or type(over).__name__, machine=machine)
        except Exception as error:  # noqa: BLE001  (whatever it is ends this connection alone)
            _LOG.error("sip2 not answered", fault=type(error).__name__, exc_info=error)


async def write_again_and_again(means: Means) -> None:
    """Write what was counted every few seconds, until this is cancelled."""
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        await write(means)


async def write(means: Means) -> None:
    """Write what was counted; what the database does not take stays counted for the next time."""
    try:
        await means.tally.write(means.transaction)
    except (SQLAlchemyError, OSError) as error:
        _LOG.warning("usage of library machines not written", exc_info=error)
