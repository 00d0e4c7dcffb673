"""`kentcard status-list`: the lists that tell readers which records to refuse."""

import argparse
import asyncio
from pathlib import Path

from cardservice import leaps
from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, open_database, say, say_json, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.errors import BackupDamaged
from entitlements.status_lists import StatusLists
from identity.actors import SYSTEM
from identity.errors import KeyStoreError
from identity.keys import KeyId, KeyStore
from readers.contract.services import Service
from readers.contract.statuslist import TOKEN_TYPE, StatusList, from_claim
from readers.contract.tokens import key_id_of, verify_signature
from readers.errors import ReadersError


def add_to(commands: Commands) -> None:
    """`status-list build` and `adopt`."""
    own = group(commands, "status-list", "signed status lists")
    build = own.add_parser("build", help="build and sign the lists as they are now")
    build.add_argument(
        "--service", action="append", choices=[each.value for each in Service], help="all of them"
    )
    build.add_argument("--out", type=Path, help="directory for SERVICE.jwt; else printed")
    build.set_defaults(run=lambda asked: asyncio.run(_build(asked)))
    adopt = own.add_parser(
        "adopt", help="after a restore: go on refusing what a newer list refused, wherever it is"
    )
    adopt.add_argument("file", type=Path, help="a list that this service signed, as SERVICE.jwt")
    adopt.set_defaults(run=lambda asked: asyncio.run(_adopt(asked)))
    for parser in (build, adopt):
        json_option(parser)


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


async def _adopt(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    keystore = open_keystore(around.settings)
    service, newer = _genuine(
        asked.file.read_text(encoding="ascii", errors="replace").strip(), keystore
    )
    async with open_database(around.settings) as database, database.transaction() as session:
        adopted = await leaps.adopt(session, service, newer, actor=SYSTEM, now=around.clock())
    if asked.json:
        say_json({"service": service.value, "adopted": adopted})
    else:
        say(
            f"{service}: {adopted.records} records are refused again, and "
            f"{adopted.unknown} places of which nothing is known here."
        )
    return Exit.DONE


def _genuine(token: str, keystore: KeyStore) -> tuple[Service, StatusList]:
    """The service and content of a list that was signed with a key of this store, however old.

    Raises:
        BackupDamaged: it is none.
    """
    try:
        key = KeyId.from_wire(key_id_of(token).encode())
        claims = verify_signature(token, TOKEN_TYPE, keystore.public_key(key))
        service = Service(str(claims.get("sub", "")).rsplit("/", 1)[-1])
        return service, from_claim(claims.get("status_list"))
    except (ReadersError, KeyStoreError, ValueError) as error:
        raise BackupDamaged(f"This is no status list that this service signed: {error}.") from error


def _write(directory: Path, tokens: dict[Service, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for service, token in tokens.items():
        beside = directory / f".{service}.jwt.new"
        beside.write_text(token, encoding="ascii")
        beside.replace(directory / f"{service}.jwt")
