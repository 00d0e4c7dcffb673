"""`kentcard terminal`: enrol, list and revoke terminals."""

import argparse
import asyncio
from datetime import datetime
from uuid import UUID

from cardservice import terminals
from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.models import Terminal
from cardservice.terminals import Role
from identity.actors import SYSTEM
from readers.contract.services import Service
from readers.contract.wire import Purpose


def add_to(commands: Commands) -> None:
    """`terminal enrol`, `list` and `revoke`."""
    own = group(commands, "terminal", "terminals: validators, kiosks and desks")
    _add_enrol(own)
    listing = own.add_parser("list", help="every terminal")
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    revoke = own.add_parser("revoke", help="refuse a terminal from now on")
    revoke.add_argument("terminal", type=UUID, help="id, as `terminal list` shows it")
    json_option(revoke)
    revoke.set_defaults(run=lambda asked: asyncio.run(_revoke(asked)))


def _add_enrol(own: Commands) -> None:
    enrol = own.add_parser(
        "enrol",
        help="print a one-time code that makes a machine a new terminal, or one there is",
    )
    which = enrol.add_mutually_exclusive_group(required=True)
    which.add_argument("--name", help="of a new terminal, unlike any other's")
    which.add_argument("--terminal", type=UUID, help="id of a terminal that is enrolled anew")
    enrol.add_argument("--place", default="", help="where it stands, as residents call it")
    enrol.add_argument(
        "--service", action="append", default=[], choices=[each.value for each in Service]
    )
    enrol.add_argument(
        "--purpose", action="append", default=[], choices=[each.value for each in Purpose]
    )
    enrol.add_argument("--authority", default="kent-county-council", help="whose times apply there")
    json_option(enrol)
    enrol.set_defaults(run=lambda asked: asyncio.run(_enrol(asked)))


async def _enrol(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    now = around.clock()
    async with open_database(around.settings) as database, database.transaction() as session:
        terminal_id = asked.terminal
        if terminal_id is None:
            terminal_id = (await terminals.create(session, _role(asked), actor=SYSTEM, now=now)).id
        code = await terminals.new_code(session, terminal_id, actor=SYSTEM, now=now)
    until = now + terminals.CODE_LASTS
    if asked.json:
        say_json({"terminal": str(terminal_id), "code": code, "valid_until": until})
    else:
        say(code)
        say(f"Use it once, until {until:%d %B at %H:%M} UTC: kentcard-terminal enrol")
    return Exit.DONE


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        found = [_line(each) for each in await terminals.all_terminals(session)]
    if asked.json:
        say_json(found)
    elif found:
        say_table([tuple(found[0]), *(tuple(map(_shown, row.values())) for row in found)])
    else:
        say("There are no terminals.")
    return Exit.DONE


async def _revoke(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        revoked = await terminals.revoke(session, asked.terminal, actor=SYSTEM, now=around.clock())
    if asked.json:
        say_json({"terminal": str(asked.terminal), "revoked_now": revoked})
    else:
        say("Revoked." if revoked else "It was revoked before.")
    return Exit.DONE


def _role(asked: argparse.Namespace) -> Role:
    return Role(
        name=asked.name,
        place=asked.place or asked.name,
        services=tuple(Service(value) for value in asked.service),
        purposes=tuple(Purpose(value) for value in asked.purpose) or (Purpose.VALIDATE,),
        authority=asked.authority,
    )


def _line(terminal: Terminal) -> dict[str, object]:
    return {
        "terminal": str(terminal.id),
        "name": terminal.name,
        "place": terminal.place,
        "services": terminal.services,
        "purposes": terminal.purposes,
        "state": _state(terminal),
        "last_seen": terminal.last_seen_at,
    }


def _state(terminal: Terminal) -> str:
    if terminal.revoked_at is not None:
        return "revoked"
    return "enrolled" if terminal.public_key is not None else "waiting"


def _shown(cell: object) -> str:
    match cell:
        case None:
            return "-"
        case list():
            return ",".join(cell) or "-"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case _:
            return str(cell)
