"""`kentcard cards`: look at a resident's cards, and say what became of one."""

import argparse
import asyncio
from typing import Final
from uuid import UUID

from cardservice import charges, issuance, lifecycle, products, replacement
from cardservice.app import open_keystore
from cardservice.charge_models import Charge
from cardservice.cli.accounts import account_of
from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.staff import acting
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.errors import MoveNotAllowed
from cardservice.models import Card, CardState
from cardservice.web.move_words import TO_WORDS, Why
from entitlements.schemes.notes import money
from identity.personal import Vault

HEADS: Final = ("card", "product", "state", "since", "last day", "charge")


def add_to(commands: Commands) -> None:
    """`cards show` and `cards move`."""
    own = group(commands, "cards", "residents' cards: how they stand, and what became of one")
    show = own.add_parser("show", help="the cards of an account, newest first")
    show.add_argument("number", help="of the account")
    json_option(show)
    show.set_defaults(run=lambda asked: asyncio.run(_show(asked)))
    move = own.add_parser("move", help="say what became of a card; docs/cards.md has the table")
    move.add_argument("card", type=UUID, help="its id, from `cards show`")
    move.add_argument("to", choices=sorted(TO_WORDS), help="what became of it")
    move.add_argument("--why", required=True, choices=sorted(Why), help="how you know")
    move.add_argument("--crime-reference", default="", help="of a stolen card, from the police")
    move.add_argument("--by", required=True, help="user name of the member of staff who says so")
    move.set_defaults(run=lambda asked: asyncio.run(_move(asked)))


async def _show(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        account = await account_of(session, asked.number)
        cards = await issuance.cards_of(session, account.id)
        owed = {each.card_id: each for each in await charges.of_account(session, account.id)}
    lines = [_line(card, owed.get(card.id)) for card in cards]
    if asked.json:
        say_json([dict(zip(HEADS, line, strict=True)) for line in lines])
    else:
        say_table([HEADS, *lines])
    return Exit.DONE


def _line(card: Card, charge: Charge | None) -> tuple[str, ...]:
    return (
        str(card.id),
        products.built_in().name_of(card.product),
        card.state.value,
        f"{card.state_since:%Y-%m-%d %H:%M}Z",
        card.expires_on.isoformat() if card.expires_on else "",
        f"{money(charge.pence)} {charge.state}" if charge else "",
    )


async def _move(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault, to = Vault(open_keystore(around.settings)), CardState(asked.to)
    async with open_database(around.settings) as database, database.transaction() as session:
        card = await lifecycle.locked(session, asked.card)
        move = lifecycle.MOVES.get((card.state, to))
        if move is None or move.act is None or card.state is CardState.ORDERED:
            raise MoveNotAllowed(f"A card that is {card.state} cannot become {to} by a command.")
        actor = await acting(session, asked.by, move.act)
        before = card.state
        await replacement.report(
            session,
            vault,
            card.id,
            to,
            crime_reference=asked.crime_reference,
            why=asked.why,
            actor=actor,
            now=around.clock(),
        )
    say(f"The card was {before} and is {to} now.")
    return Exit.DONE
