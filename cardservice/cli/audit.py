"""`kentcard audit`: is the trail whole, and a signed statement of where it ends."""

import argparse
import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import taps
from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, open_database, say, say_json, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from identity import checkpoints
from identity.audit_check import Broken, Intact, verify


def add_to(commands: Commands) -> None:
    """`audit verify` and `audit checkpoint`."""
    own = group(commands, "audit", "the audit trail")
    check = own.add_parser("verify", help="check every row; exit code 1 names the first broken one")
    check.add_argument(
        "--checkpoints",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="checkpoints kept elsewhere; only they show that rows were cut off the end",
    )
    json_option(check)
    check.set_defaults(run=lambda asked: asyncio.run(_verify(asked)))
    sign = own.add_parser("checkpoint", help="sign where the trail ends now")
    sign.add_argument("--to", type=Path, metavar="FILE", help="add it to a file kept elsewhere")
    sign.set_defaults(run=lambda asked: asyncio.run(_checkpoint(asked)))


async def _verify(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    kept = [each for path in asked.checkpoints for each in checkpoints.read_from(path)]
    keystore = open_keystore(settings)
    # Statement by statement: the check may take minutes, and nobody is to wait for it.
    async with (
        open_database(settings) as database,
        database.reading() as connection,
        AsyncSession(connection) as session,
    ):
        found = await verify(session, keystore, streams=[taps.STREAM], checkpoints=kept)
    if asked.json:
        say_json(found)
    else:
        say(found.words if isinstance(found, Broken) else _whole(found))
    return Exit.NO if isinstance(found, Broken) else Exit.DONE


def _whole(found: Intact) -> str:
    rows = ", ".join(f"{chain} {number}" for chain, number in found.ends.items())
    kept = (
        f"{found.checkpoints} checkpoints kept elsewhere agree."
        if found.checkpoints
        else "No checkpoint kept elsewhere was given, so a cut at the end would not be seen."
    )
    gone = "".join(
        f" The rows of {count} batches of {stream} were removed when their time was over."
        for stream, count in found.forgotten.items()
    )
    return f"The audit trail is whole ({rows}).{gone} {kept}"


async def _checkpoint(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    keystore = open_keystore(around.settings)
    async with open_database(around.settings) as database, database.transaction() as session:
        taken = await checkpoints.take(session, keystore, now=around.clock())
        if asked.to:
            checkpoints.append_to(asked.to, taken)
    say(f"Added a checkpoint to {asked.to}." if asked.to else checkpoints.as_line(taken))
    return Exit.DONE
