"""`kentcard renew preview|run|status`: the cards that end on a day."""

import argparse
import asyncio

from cardservice import renewals, renewing
from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, open_database, say, say_json, surroundings
from cardservice.cli.staff import acting
from cardservice.cli.subcommands import Commands, day, group, json_option
from cardservice.renewal_rules import WORDS
from cardservice.renewing import Preview
from identity.personal import Vault
from identity.roles import Act


def add_to(commands: Commands) -> None:
    """`renew preview`, `renew run` and `renew status`."""
    own = group(commands, "renew", "renew the cards that end on a day")
    preview = own.add_parser("preview", help="who would renew, be asked or not, and why")
    json_option(preview)
    preview.set_defaults(run=lambda asked: asyncio.run(_preview(asked)))
    run = own.add_parser("run", help="order cards and tell holders; goes on if stopped")
    run.add_argument("--as", dest="staff", required=True, help="user name of who begins it")
    run.set_defaults(run=lambda asked: asyncio.run(_run(asked)))
    for parser in (preview, run):
        parser.add_argument("--on", type=day, required=True, help="last day of the cards")
    status = own.add_parser("status", help="how far every run is")
    json_option(status)
    status.set_defaults(run=lambda asked: asyncio.run(_status(asked)))


async def _preview(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault = Vault(open_keystore(around.settings))
    async with open_database(around.settings) as database:
        found = await renewing.preview(database, vault, asked.on, now=around.clock())
    if asked.json:
        say_json(found)
    else:
        _say_preview(found)
    return Exit.DONE


def _say_preview(found: Preview) -> None:
    say(f"{found.cards} cards end on {found.expires_on}. Nothing was written.")
    for outcome, count in sorted(found.outcomes.items()):
        say(f"{count} {_OUTCOMES[outcome]}")
    words = {each.value: said for each, said in WORDS.items()}
    for why, count in sorted(found.reasons.items(), key=lambda pair: (-pair[1], pair[0])):
        say(f"  {count}: {words[why]}")


_OUTCOMES = {
    "renews": "are renewed by themselves",
    "asks": "are asked about first",
    "leaves": "are not renewed",
    renewing.UNREADABLE: "cannot be read",
}


async def _run(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault, now = Vault(open_keystore(around.settings)), around.clock()
    failed = 0
    async with open_database(around.settings) as database:
        async with database.transaction() as session:
            actor = await acting(session, asked.staff, Act.RENEW_CARDS)
            await renewing.begin(session, asked.on, actor=actor, now=now)
        async for each in renewing.go_on(database, vault, asked.on, now=now):
            say(
                f"{each.looked_at} looked at, {each.done} done now, {each.failed} failed"
                f"{'; finished' if each.finished else ''}"
            )
            failed = each.failed
    return Exit.FAULT if failed else Exit.DONE


async def _status(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    async with open_database(settings) as database, database.transaction() as session:
        rows = [
            {
                "on": run.expires_on,
                "state": run.state.value,
                "looked_at": run.looked_at,
                "failed": run.failed,
                **await renewals.standing(session, run.id),
            }
            for run in await renewals.runs(session)
        ]
    if asked.json:
        say_json(rows)
    else:
        for row in rows:
            say("  ".join(f"{name} {value}" for name, value in row.items()))
        if not rows:
            say("No run was ever begun.")
    return Exit.DONE
