"""`kentcard terminal`: enrol, list, show, rename, set up and revoke terminals."""

import argparse
import asyncio
from datetime import datetime
from uuid import UUID

from cardservice import terminal_health, terminal_set_up, terminals
from cardservice.cli import terminal_lines
from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.terminals import Role
from identity.actors import SYSTEM
from readers.contract.products import Product, RemoteSettings
from readers.contract.services import Service
from readers.contract.wire import Purpose

_NUMBERS = tuple(name for name in RemoteSettings.__struct_fields__ if name.endswith("_seconds"))


def add_to(commands: Commands) -> None:
    """`terminal enrol`, `list`, `show`, `rename`, `set` and `revoke`."""
    own = group(commands, "terminal", "terminals: validators, kiosks and desks")
    _add_enrol(own)
    listing = own.add_parser("list", help="every terminal, those that need somebody first")
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    showing = own.add_parser("show", help="one terminal: its role, its set-up, how it is")
    _one(showing)
    showing.set_defaults(run=lambda asked: asyncio.run(_show(asked)))
    renaming = own.add_parser("rename", help="call a terminal, or where it stands, otherwise")
    _one(renaming)
    renaming.add_argument("--name", help="unlike any other's")
    renaming.add_argument("--place", help="where it stands, as residents call it")
    renaming.set_defaults(run=lambda asked: asyncio.run(_rename(asked)))
    _add_set(own)
    revoke = own.add_parser("revoke", help="refuse a terminal from now on")
    _one(revoke)
    revoke.set_defaults(run=lambda asked: asyncio.run(_revoke(asked)))


def _one(command: argparse.ArgumentParser) -> None:
    command.add_argument("terminal", type=UUID, help="id, as `terminal list` shows it")
    json_option(command)


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


def _add_set(own: Commands) -> None:
    setting = own.add_parser(
        "set", help="set what a terminal is and does, from afar; it has it with its next bundle"
    )
    _one(setting)
    setting.add_argument("--product", choices=[each.value for each in Product])
    for name in _NUMBERS:
        setting.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N")
    setting.add_argument("--title", help="what the screen says while no card is there")
    setting.add_argument("--advice", help="the line below it")
    setting.add_argument(
        "--again-as-others",
        action="append",
        default=[],
        metavar="SETTING",
        choices=RemoteSettings.__struct_fields__,
        help="take back what was set of this, for example show_seconds",
    )
    setting.set_defaults(run=lambda asked: asyncio.run(_set(asked)))


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
        standings = await terminal_health.standings(session, now=around.clock())
        found = [terminal_lines.line(each) for each in standings]
    if asked.json:
        say_json(found)
    elif found:
        say_table([tuple(found[0]), *(tuple(map(_shown, row.values())) for row in found)])
    else:
        say("There are no terminals.")
    return Exit.DONE


async def _show(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        standing = await terminal_health.standing_of(session, asked.terminal, now=around.clock())
        set_up = await terminal_set_up.of(session, asked.terminal)
        found = terminal_lines.whole(standing, set_up)
    if asked.json:
        say_json(found)
    else:
        say_table((name, _shown(value)) for name, value in found.items())
    return Exit.DONE


async def _rename(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        terminal = await terminals.rename(
            session,
            asked.terminal,
            name=asked.name,
            place=asked.place,
            actor=SYSTEM,
            now=around.clock(),
        )
        answer = {"terminal": str(terminal.id), "name": terminal.name, "place": terminal.place}
    if asked.json:
        say_json(answer)
    else:
        say(f"It is {answer['name']}, at {answer['place']}.")
    return Exit.DONE


async def _set(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    given = {name: getattr(asked, name) for name in RemoteSettings.__struct_fields__}
    settings: dict[str, object] = {
        name: value for name, value in given.items() if value is not None
    }
    settings |= dict.fromkeys(asked.again_as_others)
    async with open_database(around.settings) as database, database.transaction() as session:
        set_up = await terminal_set_up.change(
            session,
            asked.terminal,
            product=Product(asked.product) if asked.product else None,
            settings=settings,
            actor=SYSTEM,
            now=around.clock(),
        )
    if asked.json:
        say_json({"terminal": str(asked.terminal), "set_up": set_up})
    else:
        say("Set. The terminal has it with its next bundle.")
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


def _shown(cell: object) -> str:
    match cell:
        case None | "":
            return "-"
        case list():
            return ", ".join(map(_shown, cell)) or "-"
        case dict():
            return ", ".join(f"{name} {_shown(value)}" for name, value in cell.items()) or "-"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case _:
            return str(cell)
