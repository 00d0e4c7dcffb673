"""`kentcard serve` and `kentcard worker`."""

import argparse
import asyncio
import gc
import signal
import socket
from pathlib import Path
from typing import Final

import httpx
import msgspec
import structlog
import uvicorn
from litestar import Litestar

from cardservice import govuk_pay, logs, products, work
from cardservice.app import create_app, open_keystore, provider_of
from cardservice.carriers import carrier_of
from cardservice.cli.answers import Exit, Surroundings, open_database, surroundings
from cardservice.cli.subcommands import Commands
from cardservice.errors import NotReady
from cardservice.registers import registers_of
from cardservice.settings import Settings, proxies
from cardservice.web.environment import compile_pages
from entitlements import register_https, webhook_sending
from entitlements.webhook_sending import Way

LAST_REQUESTS_SECONDS: Final = 5
_LOG: Final = structlog.get_logger(__name__)


def add_to(commands: Commands) -> None:
    """Both commands."""
    serve = commands.add_parser("serve", help="serve pages and terminals")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on")
    serve.set_defaults(run=_serve)
    worker = commands.add_parser(
        "worker",
        help="reassess whom time has changed, send messages, seal taps, tell sites who signed out "
        "and partners what changed, erase whom it is time to erase and remove what is kept too "
        "long, until stopped",
    )
    worker.add_argument("--once", action="store_true", help="do what is due now, and end")
    worker.set_defaults(run=_worker)


def _serve(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    settings = _at_port(around.settings, asked.port)
    logs.configure(plain=settings.demo)
    asyncio.run(_check_ready(settings))
    listener = listen(asked.host, asked.port)
    app = create_app(settings, open_keystore(settings), around.clock)
    _settle()
    _LOG.info("serving", address=settings.base_url)
    server = uvicorn.Server(server_config(app, settings))
    server.run(sockets=[listener])
    return Exit.DONE if server.started else Exit.FAULT


def _settle() -> None:
    """Do once what would hold everybody up later.

    Collecting garbage goes through everything that is there: a tenth of a second, if it went
    through what was loaded and stays for good.
    """
    compile_pages()
    gc.collect()
    gc.freeze()


def server_config(app: Litestar, settings: Settings) -> uvicorn.Config:
    """How the server runs. Only proxies that were named say who asks, and how they were asked."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=proxies(settings.trusted_proxies),
        timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, whose connections do not hold small answers back.

    Raises:
        NotReady: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by name: asyncio switches Nagle's delay off (40 ms a request) only if it is told so.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise NotReady(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    return listener


async def _check_ready(settings: Settings) -> None:
    products.built_in()
    async with open_database(settings):
        pass


def _at_port(settings: Settings, port: int) -> Settings:
    """The default address follows the port; one that was set is left alone."""
    if settings.base_url != Settings().base_url:
        return settings
    return msgspec.structs.replace(settings, base_url=f"http://localhost:{port}")


def _worker(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    logs.configure(plain=around.settings.demo)
    return asyncio.run(_work(around, once=asked.once))


async def _work(around: Surroundings, *, once: bool) -> int:
    products.built_in()
    stopping = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(which, stopping.set)
    async with (
        open_database(around.settings) as database,
        httpx.AsyncClient() as http,
        webhook_sending.connections() as posts,
        register_https.connections() as questions,
        govuk_pay.connections() as paying,
    ):
        means = work.Means(
            database=database,
            provider=provider_of(around.settings, open_keystore(around.settings)),
            http=http,
            way=Way(posts, loopback=around.settings.demo),
            registers=registers_of(around.settings, questions),
            carrier=carrier_of(around.settings),
            outbox=Path(around.settings.outbox),
            settings=around.settings,
            stopping=stopping,
            pay=govuk_pay.pay_of(around.settings, paying),
        )
        if once:
            well = await work.work_once(means, now=around.clock())
            return Exit.DONE if well else Exit.FAULT
        _LOG.info("working")
        await work.work(means, around.clock)
    return Exit.DONE
