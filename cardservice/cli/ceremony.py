"""`kentcard keys ceremony`: a card key of two people's making."""

import argparse
import asyncio
import sys
from getpass import getpass
from pathlib import Path

from cardservice import ceremonies, key_components
from cardservice.app import open_keystore
from cardservice.ceremonies import Ceremony, CeremonyFile
from cardservice.cli.answers import Exit, Surroundings, open_database, say, say_json, surroundings
from cardservice.cli.card_keys import CARD_KEYS, morning
from cardservice.cli.subcommands import Commands, day, group, json_option
from cardservice.errors import NotReady
from identity.actors import SYSTEM
from identity.keys import Purpose
from identity.personal import Vault


def add_to(own: Commands) -> None:
    """`keys ceremony component`, `begin`, `enter`, `status` and `abandon`."""
    held = group(own, "ceremony", "make a card key of what two custodians bring")
    component = held.add_parser("component", help="print a component for one custodian, alone")
    component.set_defaults(run=_component)
    begin = held.add_parser("begin", help="begin a ceremony")
    begin.add_argument("purpose", choices=[each.value for each in CARD_KEYS], help="which key")
    begin.add_argument("--custodian", action="append", default=[], help="name; give it twice")
    begin.add_argument("--check-value", help="that the key must have, where it is known")
    begin.add_argument("--from", dest="used_from", type=day, help="the first day of its use")
    begin.set_defaults(run=_begin)
    enter = held.add_parser("enter", help="type a component; nobody else may see it")
    enter.add_argument("--custodian", required=True, help="whose it is")
    enter.add_argument("--file", type=Path, help="file with component and check value, two lines")
    enter.set_defaults(run=lambda asked: asyncio.run(_enter(asked)))
    status = held.add_parser("status", help="who has come, and who is waited for")
    json_option(status)
    status.set_defaults(run=_status)
    abandon = held.add_parser("abandon", help="forget the ceremony that is under way")
    abandon.set_defaults(run=_abandon)


def _component(_asked: argparse.Namespace) -> int:
    component = key_components.new_component()
    say(key_components.written(component))
    say(key_components.check_value(component))
    return Exit.DONE


def _begin(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    begun = ceremonies.begun(
        Purpose(asked.purpose),
        asked.custodian,
        expected=asked.check_value,
        used_from=morning(asked.used_from),
        now=around.clock(),
    )
    _file(around).begin(begun)
    say(f"Begun. It waits for {_names(begun)}, each of them alone:")
    say("kentcard keys ceremony enter --custodian NAME")
    return Exit.DONE


async def _enter(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    file, keystore = _file(around), open_keystore(around.settings)
    vault = Vault(keystore)
    ceremony = file.read()
    if ceremony.missing:
        text, value = _typed(asked)
        component = key_components.read(text)
        ceremony = file.bring(vault, asked.custodian, component, value)
        say(f"Kept what {asked.custodian} brought, check value {value.strip().upper()}.")
    if ceremony.missing:
        say(f"It waits for {_names(ceremony)}.")
        return Exit.DONE
    key = file.key(vault, ceremony)
    async with open_database(around.settings) as database, database.transaction() as session:
        made = await ceremonies.finish(
            session, keystore, ceremony, key, actor=SYSTEM, now=around.clock()
        )
        said = f"Made {made.purpose} {made.generation}, check value {made.check_value}."
        file.abandon()  # before it counts, so that nothing can make it twice
    say(said)
    say("Write it on both sheets. Keep a copy of the key store.")
    return Exit.DONE


def _typed(asked: argparse.Namespace) -> tuple[str, str]:
    """Component and check value, from a file or typed unseen; never from the arguments."""
    if asked.file:
        lines: list[str] = asked.file.read_text("ascii", "replace").splitlines()
        component, value, *_ = [*lines, "", ""]
        return component, value
    if not sys.stdin.isatty():
        raise NotReady("A component is typed at a terminal, or brought in a file with --file.")
    component = getpass(f"Component of {asked.custodian}, eight groups: ")
    return component, input("Its check value: ")


def _status(asked: argparse.Namespace) -> int:
    ceremony = _file(surroundings(asked.config)).read()
    if asked.json:
        about = {"purpose": ceremony.purpose, "begun_at": ceremony.begun_at}
        say_json(about | {"missing": ceremony.missing})
        return Exit.DONE
    say(f"{ceremony.purpose}, begun on {ceremony.begun_at:%d %B at %H:%M} UTC.")
    for name, brought in ceremony.brought.items():
        say(f"{name} brought a component, check value {brought.check_value}.")
    say(f"It waits for {_names(ceremony)}." if ceremony.missing else "Both have come: enter again.")
    return Exit.DONE


def _abandon(asked: argparse.Namespace) -> int:
    _file(surroundings(asked.config)).abandon()
    say("Abandoned. No key was made. Both custodians destroy their components.")
    return Exit.DONE


def _file(around: Surroundings) -> CeremonyFile:
    return CeremonyFile(Path(around.settings.keys))


def _names(ceremony: Ceremony) -> str:
    return " and ".join(ceremony.missing)
