"""`kentcard keys rotate|retire|rolling` of the keys that are on cards."""

import argparse
import asyncio
from datetime import UTC, date, datetime, time

from cardservice import generations
from cardservice.app import open_keystore
from cardservice.card_keys import PURPOSES
from cardservice.cli.answers import (
    Exit,
    Surroundings,
    open_database,
    say,
    say_json,
    say_table,
    surroundings,
)
from cardservice.cli.subcommands import Commands, day, json_option
from cardservice.generations import Standing
from identity.actors import SYSTEM
from identity.dates import LONDON, london_date
from identity.keys import KeyId, Purpose

CARD_KEYS = tuple(PURPOSES.values())


def add_to(own: Commands) -> None:
    """`keys retire` and `keys rolling`; `keys rotate` is beside the others."""
    retire = own.add_parser(
        "retire", help="from a day on, refuse cards that still have a generation of a card key"
    )
    retire.add_argument("purpose", choices=[each.value for each in CARD_KEYS], help="which key")
    retire.add_argument("generation", type=int, help="this one, and every one before it")
    retire.add_argument("--on", type=day, help="the first day on which it is refused; else today")
    retire.add_argument(
        "--even-though",
        type=int,
        metavar="CARDS",
        help="so many cards still need it, and will have to be replaced",
    )
    retire.set_defaults(run=_retire)
    rolling = own.add_parser("rolling", help="how many cards have which generation of each key")
    json_option(rolling)
    rolling.set_defaults(run=_rolling)


def rotate(asked: argparse.Namespace) -> int:
    """Make a generation of a card key."""
    return asyncio.run(_make(surroundings(asked.config), asked))


async def _make(around: Surroundings, asked: argparse.Namespace) -> int:
    async with open_database(around.settings) as database, database.transaction() as session:
        made = await generations.add(
            session,
            open_keystore(around.settings),
            Purpose(asked.purpose),
            used_from=morning(asked.used_from),
            actor=SYSTEM,
            now=around.clock(),
        )
        name = KeyId(Purpose(made.purpose), made.generation).wire.decode()
        begins = london_date(made.used_from)
    say(f"Made {name}, check value {made.check_value}. Keep a copy of the key store.")
    say(f"Terminals are given it from now on, cards from {begins}, at their next online tap.")
    return Exit.DONE


def morning(first: date | None) -> datetime | None:
    """When a day begins in Kent; None stays None."""
    return datetime.combine(first, time(), LONDON).astimezone(UTC) if first else None


def _retire(asked: argparse.Namespace) -> int:
    return asyncio.run(_end(surroundings(asked.config), asked))


async def _end(around: Surroundings, asked: argparse.Namespace) -> int:
    now = around.clock()
    key, on = KeyId(Purpose(asked.purpose), asked.generation), asked.on or london_date(now)
    async with open_database(around.settings) as database, database.transaction() as session:
        cards = await generations.retire(
            session,
            open_keystore(around.settings),
            key,
            on=on,
            even_though=asked.even_though,
            actor=SYSTEM,
            now=now,
        )
    say(f"From {on} on, {key.wire.decode()} and whatever came before it count no more.")
    if cards:
        say(f"{cards} cards must be replaced.")
    return Exit.DONE


def _rolling(asked: argparse.Namespace) -> int:
    return asyncio.run(_tell(surroundings(asked.config), as_json=asked.json))


async def _tell(around: Surroundings, *, as_json: bool) -> int:
    now = around.clock()
    async with open_database(around.settings) as database, database.transaction() as session:
        found = await generations.standings(session, open_keystore(around.settings), now=now)
        remaining = await generations.remaining(session, now=now)
    if as_json:
        say_json({"generations": found, "remaining": remaining})
        return Exit.DONE
    head = ("key", "generation", "cards", "used from", "retired on", "")
    say_table([head, *(_line(each) for each in found)])
    say(f"{remaining} cards still have an older key than is in use.")
    return Exit.DONE


def _line(each: Standing) -> tuple[str, ...]:
    begins = london_date(each.used_from).isoformat() if each.used_from else "the beginning"
    ends = each.retires_on.isoformat() if each.retires_on else ""
    in_use = "in use" if each.in_use else ""
    return (each.purpose.value, str(each.generation), str(each.cards), begins, ends, in_use)
