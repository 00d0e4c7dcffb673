"""`kentcard status-list`: the lists that tell readers which records to refuse."""

import argparse
import asyncio
from pathlib import Path

from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, open_database, say, say_json, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from entitlements.status_lists import StatusLists
from readers.contract.services import Service


def add_to(commands: Commands) -> None:
    """`status-list build`."""
    own = group(commands, "status-list", "signed status lists")
    build = own.add_parser("build", help="build and sign the lists as they are now")
    build.add_argument(
        "--service", action="append", choices=[each.value for each in Service], help="all of them"
    )
    build.add_argument("--out", type=Path, help="directory for SERVICE.jwt; else printed")
    json_option(build)
    build.set_defaults(run=lambda asked: asyncio.run(_build(asked)))


async def _build(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    lists = StatusLists(open_keystore(around.settings), around.settings.base_url)
    services = [Service(value) for value in asked.service or list(Service)]
    async with open_database(around.settings) as database, database.transaction() as session:
        tokens = {
            service: await lists.token(session, service, now=around.clock()) for service in services
        }
    if asked.out is not None:
        _write(asked.out, tokens)
    if asked.json:
        say_json(tokens)
    elif asked.out is None:
        for service, token in tokens.items():
            say(f"{service} {token}")
    else:
        say(f"Wrote {len(tokens)} lists to {asked.out}.")
    return Exit.DONE


def _write(directory: Path, tokens: dict[Service, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for service, token in tokens.items():
        beside = directory / f".{service}.jwt.new"
        beside.write_text(token, encoding="ascii")
        beside.replace(directory / f"{service}.jwt")
