"""`kentcard applications`: which applications there are, and how far each is.

Only looking: deciding needs a member of staff who is signed in. Nothing that is sealed is opened:
no name, no answer and no reason is told.
"""

import argparse
import asyncio
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from entitlements import application_records as records
from entitlements.application_models import OPEN, WAITING, Application, ApplicationState
from identity.models import Account
from identity.numbers import spoken


class Event(msgspec.Struct, frozen=True):
    """Something that happened, and which sort of actor did it."""

    at: datetime
    what: str
    by: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One application as the command tells it."""

    reference: str
    account: str
    scheme: str
    state: str
    started_at: datetime
    submitted_at: datetime | None
    closed_at: datetime | None
    events: tuple[Event, ...] = ()


def add_to(commands: Commands) -> None:
    """`applications list` and `applications show`."""
    own = group(commands, "applications", "what residents applied for")
    listing = own.add_parser("list", help="those that are started or wait, the oldest first")
    states = [state.value for state in ApplicationState]
    listing.add_argument("--state", choices=states, help="only those in this state, open or not")
    json_option(listing)
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    show = own.add_parser("show", help="one application and what became of it")
    show.add_argument("reference", help="such as KA-7M3Q9XTB")
    json_option(show)
    show.set_defaults(run=lambda asked: asyncio.run(_show(asked)))


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    states = [ApplicationState(asked.state)] if asked.state else sorted(OPEN | WAITING)
    async with open_database(around.settings) as database, database.transaction() as session:
        found = [await _shown(session, row) for row in await records.in_state(session, states)]
    if asked.json:
        say_json(found)
    elif found:
        say_table(
            (each.reference, each.account, each.scheme, each.state, f"{each.started_at:%Y-%m-%d}")
            for each in found
        )
    else:
        say("There are none.")
    return Exit.DONE


async def _show(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        row = await records.by_reference(session, asked.reference.strip().upper())
        events = tuple(
            Event(each.at, each.what, each.by_kind.value)
            for each in await records.events_of(session, row.id)
        )
        found = msgspec.structs.replace(await _shown(session, row), events=events)
    if asked.json:
        say_json(found)
        return Exit.DONE
    say(f"{found.reference}  account {found.account}  {found.scheme}  {found.state}")
    say_table((f"{each.at:%Y-%m-%d %H:%M}", each.what, each.by) for each in events)
    return Exit.DONE


async def _shown(session: AsyncSession, row: Application) -> Shown:
    number = await session.scalar(select(Account.number).where(Account.id == row.account_id))
    return Shown(
        reference=row.reference,
        account=spoken(number or ""),
        scheme=row.scheme,
        state=row.state.value,
        started_at=row.started_at,
        submitted_at=row.submitted_at,
        closed_at=row.closed_at,
    )
