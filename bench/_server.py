"""Our server in a process of its own, as `kentcard serve` runs it, with two routes for benches.

`bare` is the floor: the same server, the same hooks around every answer, and one read of a row by
its key on a raw connection. `who` is the least that a page behind a sign-in can be.
"""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # it ships none
import httpx
import uvicorn
from litestar import Litestar, get
from litestar.datastructures import State

from cardservice import logs, schema
from cardservice.app import create_app, open_keystore
from cardservice.cli.serving import listen, server_config
from cardservice.database import Database
from cardservice.settings import load_settings
from cardservice.web.guards import signed_in
from cardservice.web.visitors import Part, VisitorMiddleware, VisitorRequest
from identity.keys import FileKeyStore
from readers.clock import system_clock

BARE = "/bench/bare"
WHO = "/bench/who"
SOCKET = "BENCH_SOCKET"
KEY = "BENCH_KEY"
PHRASE = "phrase"
POOL = 10
STARTED_WITHIN = 90.0


@get(BARE, opt={"public": "a floor to measure beside"})
async def bare(state: State) -> dict[str, UUID]:
    """One read by key, with nothing around it."""
    row = await state.raw.fetchrow("SELECT id FROM session WHERE token_hash = $1", state.key)
    return {"id": row["id"]}


@get(WHO, middleware=[VisitorMiddleware], guards=[signed_in], opt={"part": Part.RESIDENT})
async def who(request: VisitorRequest) -> dict[str, UUID]:
    """Whose session it is."""
    return {"id": request.user.signed_in.session_id}


async def _leave_as_it_is(_connection: object) -> None:
    """Else each read would be followed by a statement that clears the connection."""


async def _open_raw(app: Litestar) -> None:
    app.state.raw = await asyncpg.create_pool(
        user="postgres",
        database="postgres",
        host=os.environ[SOCKET],
        min_size=POOL,
        max_size=POOL,
        reset=_leave_as_it_is,
    )
    app.state.key = bytes.fromhex(os.environ[KEY])


async def _close_raw(app: Litestar) -> None:
    await app.state.raw.close()


def socket_of(database_url: str) -> str:
    """The directory of the socket of a cluster of the tests."""
    return parse_qs(urlsplit(database_url).query)["host"][0]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def new_schema(database_url: str) -> None:
    """Every table, empty."""
    database = Database(database_url)
    await schema.upgrade(database.engine)
    await database.close()


@contextmanager
def served(
    database_url: str, directory: Path, more: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run it over a database whose tables are there, and yield its port."""
    asyncio.run(new_schema(database_url))
    phrase = secrets.token_urlsafe()
    FileKeyStore.initialise(directory / "keys", phrase, now=system_clock())
    (directory / PHRASE).write_text(phrase, encoding="utf-8")
    port = free_port()
    settings = {
        "KENTCARD_DATABASE_URL": database_url,
        "KENTCARD_KEYS": str(directory / "keys"),
        "KENTCARD_KEYS_PASSPHRASE_FILE": str(directory / PHRASE),
        "KENTCARD_BASE_URL": f"http://localhost:{port}",
    }
    command = [sys.executable, "-m", "bench._server", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **settings, **(more or {})})
    try:
        _wait(process, f"http://127.0.0.1:{port}/healthz")
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + STARTED_WITHIN
    while True:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.TransportError:
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < until, "the server did not answer"
            time.sleep(0.1)
        else:
            return


def main(port: int) -> None:
    """Serve until stopped."""
    settings = load_settings(os.environ)
    logs.configure(plain=False)
    app = create_app(settings, open_keystore(settings), system_clock)
    if KEY in os.environ:
        app.register(bare)
        app.register(who)
        app.on_startup.append(_open_raw)
        app.on_shutdown.append(_close_raw)
    uvicorn.Server(server_config(app, settings)).run(sockets=[listen("127.0.0.1", port)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
