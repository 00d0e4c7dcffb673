"""`kentcard erasure` and `kentcard retention`: whom and what to forget, and when."""

import argparse
import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import select

from cardservice import jobs, retention
from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.database import Database
from cardservice.errors import BadLedger
from identity import erasure
from identity.actors import SYSTEM
from identity.models import Account, AccountState, Erasure, ErasureBasis, ErasureState
from identity.personal import Vault


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the ledger: a record that was erased. It tells nothing about the person."""

    account: UUID
    erased_at: datetime


def add_to(commands: Commands) -> None:
    """`erasure ledger|apply|run` and `retention list|run`."""
    own = group(commands, "erasure", "people who asked to be erased")
    ledger = own.add_parser(
        "ledger", help="write down which records were erased, to keep elsewhere"
    )
    ledger.add_argument("--to", type=Path, required=True, metavar="FILE", help="written anew")
    ledger.set_defaults(run=lambda asked: asyncio.run(_ledger(asked)))
    again = own.add_parser("apply", help="after a backup was restored: erase them again")
    again.add_argument("file", type=Path, metavar="FILE", help="a ledger kept elsewhere")
    again.set_defaults(run=lambda asked: asyncio.run(_apply(asked)))
    due = own.add_parser("run", help="erase every record whose time has come; the worker does too")
    due.set_defaults(run=lambda asked: asyncio.run(_erase(asked)))
    periods = group(commands, "retention", "how long everything is kept")
    listing = periods.add_parser("list", help="every period, and how many rows are over it now")
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    run = periods.add_parser("run", help="remove what is over its period; goes on if stopped")
    run.set_defaults(run=lambda asked: asyncio.run(_run(asked)))


async def _ledger(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    query = select(Erasure.account_id, Erasure.ended_at).where(Erasure.state == ErasureState.DONE)
    async with open_database(settings) as database, database.transaction() as session:
        rows = (await session.execute(query.order_by(Erasure.ended_at))).all()
    lines = [msgspec.json.encode(Entry(who, at)).decode() for who, at in rows if at]
    beside = asked.to.with_name(f".{asked.to.name}.new")
    beside.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    beside.replace(asked.to)
    say(f"Wrote {len(lines)} erased records to {asked.to}.")
    return Exit.DONE


async def _apply(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    entries = read_ledger(asked.file)
    vault = Vault(open_keystore(around.settings))
    async with open_database(around.settings) as database:
        now = around.clock()
        waiting = [each for each in entries if await _ask_again(database, vault, each, now)]
        erased = await jobs.erase_due(database, vault, Path(around.settings.outbox), now=now)
    say(
        f"{len(entries)} in the ledger, {len(waiting)} of them had come back. "
        f"{erased.done} records erased, {erased.failed} failed."
    )
    return Exit.FAULT if erased.failed else Exit.DONE


def read_ledger(path: Path) -> list[Entry]:
    """Every line of a ledger.

    Raises:
        BadLedger: a line is not one; its number is named.
        OSError: the file cannot be read.
    """
    entries = []
    for number, line in enumerate(
        path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
    ):
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError as error:
            raise BadLedger(f"Line {number} of {path} is no line of a ledger.") from error
    return entries


async def _ask_again(database: Database, vault: Vault, entry: Entry, now: datetime) -> bool:
    """Whether the record is here, and not erased."""
    async with database.transaction() as session:
        account = await session.get(Account, entry.account)
        if account is None or account.state is AccountState.ERASED:
            return False
        if (before := await erasure.waiting(session, entry.account)) is not None:
            before.due_at = min(before.due_at, now)
            return True
        basis, at_once = ErasureBasis.RESTORED, timedelta(0)
        await erasure.ask(
            session, vault, entry.account, basis, grace=at_once, actor=SYSTEM, now=now
        )
        return True


async def _erase(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault = Vault(open_keystore(around.settings))
    async with open_database(around.settings) as database:
        directory = Path(around.settings.outbox)
        now = around.clock()
        await jobs.ask_for_deceased(database, vault, now=now)
        erased = await jobs.erase_due(database, vault, directory, now=now)
    say(f"{erased.done} records erased, {erased.failed} failed.")
    return Exit.FAULT if erased.failed else Exit.DONE


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        kept = timedelta(days=around.settings.taps_days)
        found = await retention.preview(session, now=around.clock(), taps_kept=kept)
    if asked.json:
        say_json(found)
    else:
        heads = ("table", "kept", "over now")
        say_table([heads, *((each.table, each.kept, str(each.rows)) for each in found)])
    return Exit.DONE


async def _run(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database:
        directory = Path(around.settings.outbox)
        kept = timedelta(days=around.settings.taps_days)
        removed = await jobs.apply_retention(
            database, directory, now=around.clock(), taps_kept=kept
        )
    say(f"{removed} rows and messages were over their time, and are removed.")
    return Exit.DONE
