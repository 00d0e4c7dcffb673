"""`kentcard bureau` and `kentcard batches`: who prints cards, and what they are sent."""

import argparse
import asyncio
from pathlib import Path
from uuid import UUID

from cardservice import batch_files, batch_results, batches, bureau_files, bureaus
from cardservice.app import open_keystore
from cardservice.batch_files import Means
from cardservice.bureau_results import BadLine
from cardservice.cli.answers import (
    Exit,
    complain,
    open_database,
    say,
    say_json,
    say_table,
    surroundings,
)
from cardservice.cli.staff import acting
from cardservice.cli.subcommands import Commands, group, json_option
from identity.actors import SYSTEM
from identity.keys import Purpose
from identity.personal import Vault
from identity.roles import Act

MAKES, RELEASES, SENDS = Act.MAKE_BATCH, Act.RELEASE_BATCH, Act.SEND_BATCH


def add_to(commands: Commands) -> None:
    """`bureau add|set-keys|set-encoder|end|list` and `batches list|make|release|...`."""
    _add_bureaus(group(commands, "bureau", "bureaus that print and post cards"))
    _add_batches(group(commands, "batches", "batches of cards for a bureau"))


def _add_bureaus(own: Commands) -> None:
    for name, words in (
        ("add", "add a bureau by its public keys"),
        ("set-keys", "give a bureau other keys"),
    ):
        parser = own.add_parser(name, help=words)
        parser.add_argument("name")
        parser.add_argument("--keys", type=Path, required=True, help="JWK Set of public keys")
        parser.set_defaults(run=lambda asked: asyncio.run(_set_keys(asked)), new=name == "add")
    encoder = own.add_parser("set-encoder", help="say at which terminal it writes chips")
    encoder.add_argument("name")
    encoder.add_argument("--terminal", required=True, help="name of a terminal that makes cards")
    encoder.set_defaults(run=lambda asked: asyncio.run(_set_encoder(asked)))
    end = own.add_parser("end", help="send it no more batches")
    end.add_argument("name")
    end.set_defaults(run=lambda asked: asyncio.run(_end(asked)))
    key = own.add_parser("council-key", help="the public key that bureaus check batches with")
    key.set_defaults(run=_council_key)
    own.add_parser("list", help="bureaus in use").set_defaults(
        run=lambda asked: asyncio.run(_bureaus(asked))
    )


def _add_batches(own: Commands) -> None:
    listing = own.add_parser("list", help="what waits, and every batch")
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    make = own.add_parser("make", help="make a batch of the orders that wait")
    make.add_argument("product", help="id of the card, such as kent-card")
    make.add_argument("--bureau", required=True, help="name of the bureau")
    make.set_defaults(run=lambda asked: asyncio.run(_make(asked)))
    for name, words in (
        ("release", "let a batch leave the house; not by who made it"),
        ("cancel", "give up a batch that was not sent"),
    ):
        parser = own.add_parser(name, help=words)
        parser.add_argument("batch", type=UUID)
        parser.set_defaults(run=lambda asked: asyncio.run(_move(asked)), move=name)
    download = own.add_parser("download", help="write the sealed file of a batch")
    download.add_argument("batch", type=UUID)
    download.add_argument("--to", type=Path, default=Path(), help="directory; this one")
    download.set_defaults(run=lambda asked: asyncio.run(_download(asked)))
    results = own.add_parser("results", help="take what a bureau made, whole or not at all")
    results.add_argument("batch", type=UUID)
    results.add_argument("file", type=Path)
    results.set_defaults(run=lambda asked: asyncio.run(_results(asked)))
    for parser in own.choices.values():
        if parser is not listing:
            parser.add_argument("--as", dest="staff", required=True, help="user name of who acts")


def _council_key(asked: argparse.Namespace) -> int:
    store = open_keystore(surroundings(asked.config).settings)
    key = store.current(Purpose.BUREAU_SIGN)
    say_json(bureau_files.public_jwk(store.public_key(key).public_bytes_raw(), key.wire.decode()))
    return Exit.DONE


async def _set_keys(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    keys = bureau_files.read_keys(asked.keys.read_bytes())
    async with open_database(around.settings) as database, database.transaction() as session:
        change = bureaus.add if asked.new else bureaus.change_keys
        found = await change(session, asked.name, keys, actor=SYSTEM, now=around.clock())
    say(f"Batches for {found.name} are sealed for its key, and its results are taken by it.")
    return Exit.DONE


async def _set_encoder(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        await bureaus.set_encoder(
            session, asked.name, asked.terminal, actor=SYSTEM, now=around.clock()
        )
    say(f"{asked.terminal} writes the chips of {asked.name}.")
    return Exit.DONE


async def _end(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        await bureaus.end(session, asked.name, actor=SYSTEM, now=around.clock())
    say(f"{asked.name} is sent no more batches.")
    return Exit.DONE


async def _bureaus(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    async with open_database(settings) as database, database.transaction() as session:
        found = await bureaus.in_use(session)
    rows = [(each.name, f"since {each.created_at:%Y-%m-%d}") for each in found]
    if rows:
        say_table(rows)
    else:
        say("There is no bureau. Add one: kentcard bureau add NAME --keys FILE")
    return Exit.DONE


async def _list(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    async with open_database(settings) as database, database.transaction() as session:
        waits = await batches.waiting(session)
        rows = [
            {"batch": str(each.id), "product": each.product, "state": each.state.value}
            for each in await batches.newest(session)
        ]
    if asked.json:
        say_json({"waiting": waits, "batches": rows})
        return Exit.DONE
    for each in waits:
        say(f"{each.product}: {each.ready} orders wait, {each.protected} for a desk alone")
    say_table(row.values() for row in rows)
    return Exit.DONE


async def _make(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        actor = await acting(session, asked.staff, MAKES)
        bureau = await bureaus.named(session, asked.bureau)
        made = await batches.make(
            session, bureau.id, asked.product, actor=actor, now=around.clock()
        )
    say(str(made.id))
    say("Another person must release it before it leaves the house.")
    return Exit.DONE


async def _move(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    releases = asked.move == "release"
    async with open_database(around.settings) as database, database.transaction() as session:
        actor = await acting(session, asked.staff, RELEASES if releases else MAKES)
        move = batches.release if releases else batches.cancel
        await move(session, asked.batch, actor=actor, now=around.clock())
    say("It can be sent." if releases else "It is cancelled, and its orders wait again.")
    return Exit.DONE


async def _download(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    store = open_keystore(around.settings)
    means = Means(store, Vault(store), around.settings.institution)
    async with open_database(around.settings) as database, database.transaction() as session:
        actor = await acting(session, asked.staff, SENDS)
        batch = await batches.locked(session, asked.batch)
        made = await batch_files.export(session, means, batch, actor=actor, now=around.clock())
        path = asked.to / made.name
        path.write_bytes(made.data)
    say(f"Wrote {made.rows} cards to {path}.")
    return Exit.DONE


async def _results(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault, now = Vault(open_keystore(around.settings)), around.clock()
    with asked.file.open("rb") as file:
        data = file.read(batch_results.LARGEST_FILE + 1)
    async with open_database(around.settings) as database, database.transaction() as session:
        actor = await acting(session, asked.staff, SENDS)
        found = await batch_results.take(session, vault, asked.batch, data, actor=actor, now=now)
    if isinstance(found, BadLine):
        where = f"{asked.file}, line {found.line}" if found.line else str(asked.file)
        complain(f"{where}: {found.sentence}")
        complain("Nothing was taken from this file.")
        return Exit.NO
    say(
        f"{found.dispatched} posted, {found.ordered_again} ordered again, "
        f"{found.to_look_at} to look at, {found.to_destroy} to be destroyed by the bureau."
    )
    return Exit.DONE
