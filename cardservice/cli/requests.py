"""`kentcard requests`: what waits for a second person.

Only a list: deciding needs a member of staff who is signed in with a second factor, and is not the
one who asked. Whoever sits at this machine is neither, so nothing is approved or refused here.
"""

import argparse
import asyncio

from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from identity import four_eyes


def add_to(commands: Commands) -> None:
    """`requests list`."""
    own = group(commands, "requests", "what waits for a second person")
    listing = own.add_parser(
        "list", help="oldest first; nobody’s name and nothing of what is asked"
    )
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        waiting = await four_eyes.waiting_lines(session)
    if asked.json:
        say_json(waiting)
    elif waiting:
        say_table(
            (f"{each.asked_at:%Y-%m-%d %H:%M}", each.kind, each.number, each.asked_by)
            for each in waiting
        )
    else:
        say("Nothing waits.")
    return Exit.DONE
