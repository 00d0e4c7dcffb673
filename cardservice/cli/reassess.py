"""`kentcard reassess`: decide anew where time, or a change of the rules, changed something."""

import argparse
import asyncio

from cardservice import reassessing
from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, open_database, say, surroundings
from cardservice.cli.subcommands import Commands
from entitlements import reassessment
from identity.personal import Vault


def add_to(commands: Commands) -> None:
    """The one command."""
    command = commands.add_parser(
        "reassess", help="decide anew for the day's list, or for everybody, and show progress"
    )
    command.add_argument(
        "--everybody",
        action="store_true",
        help="look at every resident; go on with a run that was broken off",
    )
    command.set_defaults(run=lambda asked: asyncio.run(_reassess(asked)))


async def _reassess(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    now, vault = around.clock(), Vault(open_keystore(around.settings))
    async with open_database(around.settings) as database:
        due = await reassessing.reassess_due(database, vault, now=now)
        say(f"On the day's list: {due.decided} decided, {due.failed} failed.")
        failed = due.failed
        if asked.everybody:
            async with database.transaction() as session:
                if await reassessment.under_way(session) is None:
                    await reassessment.begin(session, "asked for at the command line", now=now)
            async for each in reassessing.reassess_everybody(database, vault, now=now):
                say(
                    f"{each.looked_at} looked at, {each.changed} changed, {each.failed} failed"
                    f"{'; finished' if each.finished else ''}"
                )
                failed = each.failed
    return Exit.FAULT if failed else Exit.DONE
