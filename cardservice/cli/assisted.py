"""`kentcard assisted`: who acted for residents. It is read as the auditor reads it."""

import argparse
import asyncio

from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, day, group, json_option
from identity import assisted_reading
from identity.actors import SYSTEM
from identity.assisted_reading import Filters
from identity.trail_models import AssistReason, Presence


def add_to(commands: Commands) -> None:
    """`assisted list`."""
    own = group(commands, "assisted", "who acted for residents")
    listing = own.add_parser("list", help="the newest 100 that fit; the reading is recorded")
    listing.add_argument("--username", default="", help="of the member of staff")
    listing.add_argument("--number", default="", help="of the resident’s account")
    listing.add_argument("--reason", choices=[each.value for each in AssistReason])
    listing.add_argument("--presence", choices=[each.value for each in Presence])
    listing.add_argument("--from", dest="first_day", type=day, metavar="DAY")
    listing.add_argument("--to", dest="last_day", type=day, metavar="DAY")
    listing.add_argument("--open", action="store_true", help="only those open now")
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    wanted = Filters(
        username=asked.username,
        number=asked.number,
        reason=AssistReason(asked.reason) if asked.reason else None,
        presence=Presence(asked.presence) if asked.presence else None,
        first_day=asked.first_day,
        last_day=asked.last_day,
        is_open=asked.open,
    )
    async with open_database(around.settings) as database, database.transaction() as session:
        now = around.clock()
        told = await assisted_reading.listed(session, wanted, actor=SYSTEM, now=now)
    if asked.json:
        say_json(told)
    elif told:
        say_table(
            (
                f"{each.opened_at:%Y-%m-%d %H:%M}",
                each.who,
                each.number,
                each.reason,
                each.presence,
                each.ended_by or f"until {each.over_at:%H:%M}",
                " ".join(each.acts) or "looked only",
            )
            for each in told
        )
    else:
        say("Nobody, as far as was asked.")
    return Exit.DONE
