"""`kentcard facts`: what other systems and officers tell us about residents."""

import argparse
import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from cardservice.app import open_keystore
from cardservice.cli.answers import (
    Exit,
    Surroundings,
    complain,
    open_database,
    say,
    say_table,
    surroundings,
)
from cardservice.cli.subcommands import Commands, group
from cardservice.database import Database
from entitlements import assessing, feeds, rulebooks
from entitlements.errors import UnknownFact
from entitlements.facts import Fed
from entitlements.schemes.rulebook import RuleBook, built_in_book
from identity.actors import SYSTEM, Actor, ActorKind
from identity.models import Account, AccountState
from identity.personal import Vault

COLUMNS: Final = ("number", "fact", "value")


class Told(msgspec.Struct, frozen=True):
    """One line of a feed; `value` is None where it is not known any more."""

    line: int
    number: str
    fact: str
    value: Fed | None


def add_to(commands: Commands) -> None:
    """`facts list` and `facts feed`."""
    own = group(commands, "facts", "what other systems tell us about residents")
    own.add_parser("list", help="the facts there are").set_defaults(run=_list)
    feed = own.add_parser("feed", help="take a CSV file: number,fact,value; an empty value forgets")
    feed.add_argument("file", type=Path)
    feed.add_argument(
        "--from", dest="source", required=True, help="who tells us, as residents see it"
    )
    feed.set_defaults(run=lambda asked: asyncio.run(_feed(asked)))


def _list(_: argparse.Namespace) -> int:
    book = built_in_book()
    say_table([(name, fact.type.__name__, fact.words) for name, fact in book.fed.items()])
    return Exit.DONE


async def _feed(asked: argparse.Namespace) -> int:
    """Line by line, each a transaction of its own: a bad line keeps no other from its resident."""
    around = surroundings(asked.config)
    vault = Vault(open_keystore(around.settings))
    actor = Actor(ActorKind.SYSTEM, SYSTEM.id, asked.source)
    changed = same = 0
    faults: list[str] = []
    async with open_database(around.settings) as database:
        async with database.transaction() as session:
            book = await rulebooks.in_force(session)
        for each in read_feed(asked.file, book):
            told = (
                each if isinstance(each, str) else await _tell(database, vault, each, actor, around)
            )
            if isinstance(told, str):
                faults.append(told)
            elif told:
                changed += 1
            else:
                same += 1
    complain("\n".join(faults))
    say(f"{changed} facts are new, {same} were known, {len(faults)} lines were refused.")
    return Exit.NO if faults else Exit.DONE


def read_feed(path: Path, book: RuleBook) -> Iterator[Told | str]:
    """Each line of a feed, or what is wrong with it.

    Raises:
        UnknownFact: the file has not the columns `number`, `fact` and `value`.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise UnknownFact(f"{path.name} needs the columns {', '.join(COLUMNS)}.")
        for row in rows:
            number, fact, value = (" ".join((row[name] or "").split()) for name in COLUMNS)
            try:
                known = feeds.typed_value(book, fact, value) if value else None
            except UnknownFact as error:
                yield f"line {rows.line_num}: {error}"
            else:
                yield Told(rows.line_num, number.replace(" ", ""), fact, known)


async def _tell(
    database: Database, vault: Vault, told: Told, actor: Actor, around: Surroundings
) -> bool | str:
    """Keep it and decide anew; whether it was new, or what is wrong."""
    now = around.clock()
    async with database.transaction() as session:
        living = (Account.number == told.number, Account.state == AccountState.ACTIVE)
        account_id = await session.scalar(select(Account.id).where(*living))
        if account_id is None:
            return f"line {told.line}: there is no account {told.number} in use"
        new = await feeds.tell(
            session, vault, account_id, told.fact, value=told.value, actor=actor, now=now
        )
        if new:
            await assessing.assess(session, vault, account_id, actor=actor, now=now)
    return new
