"""`kentcard sip2`: answer machines of libraries, and say which there are."""

import argparse
import asyncio
import ipaddress
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import library_machines, logs
from cardservice.app import open_keystore
from cardservice.cli.answers import (
    Exit,
    Surroundings,
    open_database,
    say,
    say_json,
    say_table,
    surroundings,
)
from cardservice.cli.serving import listen
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.database import Database
from cardservice.errors import NotReady
from cardservice.library_machines import Listed
from cardservice.settings import Settings
from cardservice.sip2 import server
from cardservice.sip2.conversation import Means
from cardservice.sip2.counting import Tally, What
from cardservice.sip2.pace import Pace
from identity.actors import SYSTEM
from identity.personal import Vault

PORT: Final = 6001
_LOG: Final = structlog.get_logger(__name__)


def add_to(commands: Commands) -> None:
    """`sip2 serve` and `sip2 machine add`, `list`, `secret` and `revoke`."""
    own = group(commands, "sip2", "machines of libraries, which ask by SIP2")
    serve = own.add_parser("serve", help="answer them, in a process of its own")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=PORT, help="port to listen on")
    serve.set_defaults(run=_serve)
    machine = group(own, "machine", "which machines may ask")
    add = machine.add_parser("add", help="add one, and print its secret, which is told once")
    add.add_argument("--place", required=True, help="where it stands")
    add.add_argument(
        "--network", action="append", default=[], help="from which it may sign in; none: any"
    )
    add.set_defaults(run=lambda asked: asyncio.run(_add(asked)))
    secret = machine.add_parser("secret", help="give one another secret, told once")
    secret.set_defaults(run=lambda asked: asyncio.run(_secret(asked)))
    revoke = machine.add_parser("revoke", help="refuse one from now on")
    revoke.set_defaults(run=lambda asked: asyncio.run(_revoke(asked)))
    listing = machine.add_parser("list", help="every machine, and what it was answered today")
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    for parser in (add, secret, revoke):
        parser.add_argument("name", help="what it signs in with: letters, digits, hyphens")
    for parser in (add, secret, revoke, listing):
        json_option(parser)


def _serve(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    logs.configure(plain=around.settings.demo)
    tls = tls_of(around.settings, asked.host)
    return asyncio.run(_answer(around, asked, tls))


def tls_of(settings: Settings, host: str) -> ssl.SSLContext | None:
    """How machines are spoken to; None: without TLS, which is for loopback and has to be set.

    Raises:
        NotReady: neither a certificate nor that setting, not on loopback, or no certificate there.
    """
    if not settings.sip2_certificate:
        if settings.sip2_plain and is_loopback(host):
            return None
        raise NotReady(
            "Library machines are answered over TLS: set KENTCARD_SIP2_CERTIFICATE and "
            "KENTCARD_SIP2_KEY. KENTCARD_SIP2_PLAIN does without, on loopback alone."
        )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        tls.load_cert_chain(settings.sip2_certificate, settings.sip2_key)
    except (OSError, ssl.SSLError) as error:
        raise NotReady(
            f"{settings.sip2_certificate}, {settings.sip2_key}: no certificate with its key can "
            f"be read there ({error.strerror or error})."
        ) from error
    return tls


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _answer(
    around: Surroundings, asked: argparse.Namespace, tls: ssl.SSLContext | None
) -> int:
    stopping = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(which, stopping.set)
    async with open_database(around.settings) as database:
        means = means_of(around, database)
        listener = listen(asked.host, asked.port)
        async with server.Server(means).listening(listener, tls):
            _LOG.info("answering library machines", port=listener.getsockname()[1])
            writing = asyncio.create_task(server.write_again_and_again(means))
            await stopping.wait()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        await server.write(means)
    return Exit.DONE


def means_of(around: Surroundings, database: Database) -> Means:
    """What answering needs, from the settings of this process."""
    settings = around.settings
    return Means(
        transaction=database.transaction,
        statements=database.statements,
        vault=Vault(open_keystore(settings)),
        clock=around.clock,
        tally=Tally(),
        pace=Pace(settings.sip2_questions_a_minute),
        institution=settings.institution,
        library=settings.council,
    )


@asynccontextmanager
async def _transaction(asked: argparse.Namespace) -> AsyncIterator[tuple[AsyncSession, datetime]]:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        yield session, around.clock()


async def _add(asked: argparse.Namespace) -> int:
    async with _transaction(asked) as (session, now):
        secret = await library_machines.add(
            session, asked.name, asked.place, asked.network, actor=SYSTEM, now=now
        )
    return _say_secret(asked, secret)


async def _secret(asked: argparse.Namespace) -> int:
    async with _transaction(asked) as (session, now):
        secret = await library_machines.new_secret(session, asked.name, actor=SYSTEM, now=now)
    return _say_secret(asked, secret)


async def _revoke(asked: argparse.Namespace) -> int:
    async with _transaction(asked) as (session, now):
        await library_machines.revoke(session, asked.name, actor=SYSTEM, now=now)
    if asked.json:
        say_json({"name": asked.name, "revoked": True})
    else:
        say("Revoked.")
    return Exit.DONE


async def _list(asked: argparse.Namespace) -> int:
    async with _transaction(asked) as (session, now):
        rows = [_line(each) for each in await library_machines.listed(session, now=now)]
    if asked.json:
        say_json(rows)
    elif rows:
        say_table([tuple(rows[0]), *(tuple(map(str, row.values())) for row in rows)])
    else:
        say("There are no library machines.")
    return Exit.DONE


def _say_secret(asked: argparse.Namespace, secret: str) -> int:
    if asked.json:
        say_json({"name": asked.name, "secret": secret})
    else:
        say(secret)
        say(f"Type it into the machine as the password of {asked.name}. It is not shown again.")
    return Exit.DONE


def _line(each: Listed) -> dict[str, object]:
    machine = each.machine
    seen = machine.last_seen_at
    return {
        "name": machine.name,
        "place": machine.place,
        "networks": " ".join(machine.networks) or "any",
        "state": "revoked" if machine.revoked_at else "in-use",
        "last_seen": f"{seen:%Y-%m-%d %H:%M}" if seen else "-",
        **{f"{what.value}_today": each.today.get(what.value, 0) for what in What},
    }
