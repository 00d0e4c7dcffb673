"""`kentcard staff`: the people who work with accounts."""

import argparse
import asyncio
import getpass
import sys

from cardservice.cli.answers import Exit, open_database, say, surroundings
from cardservice.cli.subcommands import Commands, group
from identity import staff
from identity.actors import SYSTEM
from identity.models import StaffRole


def add_to(commands: Commands) -> None:
    """`staff add`."""
    own = group(commands, "staff", "members of staff")
    add = own.add_parser(
        "add", help="add one; the password is asked for, or read from standard input"
    )
    add.add_argument("--username", required=True, help="what they sign in with")
    add.add_argument("--name", required=True, help="as residents may see it")
    add.add_argument("--role", required=True, choices=[role.value for role in StaffRole])
    add.set_defaults(run=_add)


def _add(asked: argparse.Namespace) -> int:
    return asyncio.run(_add_with(asked, _password()))


async def _add_with(asked: argparse.Namespace, password: str) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        added = await staff.add(
            session,
            asked.username,
            asked.name,
            StaffRole(asked.role),
            password,
            actor=SYSTEM,
            now=around.clock(),
        )
    say(f"Added {added.username}, {added.role}.")
    return Exit.DONE


def _password() -> str:
    """Never an argument: arguments can be seen by everybody on the machine."""
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
