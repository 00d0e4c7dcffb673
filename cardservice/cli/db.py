"""`kentcard db`: bring the database up to this version, or take it down."""

import argparse
import asyncio

from cardservice import schema
from cardservice.cli.answers import Exit, say, surroundings
from cardservice.cli.subcommands import Commands, group
from cardservice.database import Database


def add_to(commands: Commands) -> None:
    """`db upgrade` and `db downgrade`."""
    own = group(commands, "db", "the database's schema")
    upgrade = own.add_parser("upgrade", help="bring the schema up")
    upgrade.add_argument("revision", nargs="?", default="head", help="a revision; the newest")
    upgrade.set_defaults(run=_upgrade)
    downgrade = own.add_parser("downgrade", help="take the schema down; data goes with it")
    downgrade.add_argument("revision", help="a revision to go back to, or `base` for none")
    downgrade.set_defaults(run=_downgrade)


def _upgrade(asked: argparse.Namespace) -> int:
    return asyncio.run(_move(asked, up=True))


def _downgrade(asked: argparse.Namespace) -> int:
    return asyncio.run(_move(asked, up=False))


async def _move(asked: argparse.Namespace, *, up: bool) -> int:
    database = Database(surroundings(asked.config).settings.database_url)
    try:
        await (schema.upgrade if up else schema.downgrade)(database.engine, asked.revision)
        say(f"The database is at {await schema.current(database.engine) or 'no revision'}.")
    finally:
        await database.close()
    return Exit.DONE
