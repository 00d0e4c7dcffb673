"""`kentcard account` and `kentcard messages`: help for one resident, and what was sent."""

import argparse
import asyncio
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.app import open_keystore
from cardservice.cli.answers import (
    Exit,
    open_database,
    say,
    say_json,
    say_table,
    surroundings,
)
from cardservice.cli.subcommands import Commands, group, json_option
from cardservice.web.environment import moment
from identity import activation, outbox, sessions
from identity.actors import SYSTEM
from identity.errors import NoSuchAccount
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import SessionKind


def add_to(commands: Commands) -> None:
    """`account activation-code`, `account sign-out` and `messages standing`."""
    own = group(commands, "account", "residents’ accounts")
    code = own.add_parser(
        "activation-code", help="give a resident a code that opens their own account, once"
    )
    code.add_argument("number", help="the account’s nine digits, in any spacing")
    code.set_defaults(run=lambda asked: asyncio.run(_activation_code(asked)))
    out = own.add_parser(
        "sign-out", help="end every sign-in of a resident, or of everybody, staff too"
    )
    whose = out.add_mutually_exclusive_group(required=True)
    whose.add_argument("number", nargs="?", help="the account’s nine digits, in any spacing")
    whose.add_argument("--everybody", action="store_true", help="every resident and all staff")
    out.set_defaults(run=lambda asked: asyncio.run(_sign_out(asked)))
    messages = group(commands, "messages", "messages to residents")
    standing = messages.add_parser(
        "standing", help="how many were sent, wait or were given up, and why"
    )
    json_option(standing)
    standing.set_defaults(run=lambda asked: asyncio.run(_standing(asked)))


async def _activation_code(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault = Vault(open_keystore(around.settings))
    lasts = timedelta(days=around.settings.activation_code_days)
    async with open_database(around.settings) as database, database.transaction() as session:
        account = await account_of(session, asked.number)
        given = await activation.give(
            session, vault, account.id, lasts=lasts, actor=SYSTEM, now=around.clock()
        )
    say(given.code)
    say(f"It works once, until {moment(given.expires_at)}, with the resident’s date of birth,")
    say(f"at {around.settings.base_url}/activate. A code given before has stopped working.")
    return Exit.DONE


async def _sign_out(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    now = around.clock()
    async with open_database(around.settings) as database, database.transaction() as session:
        if asked.everybody:
            ended = await sessions.end_everybodys(session, actor=SYSTEM, now=now)
        else:
            account = await account_of(session, asked.number)
            ended = await sessions.end_all(
                session, account.id, SessionKind.RESIDENT, actor=SYSTEM, now=now
            )
    say(f"{ended} sign-ins were ended." if ended != 1 else "1 sign-in was ended.")
    return Exit.DONE


async def account_of(session: AsyncSession, typed: str) -> Account:
    """The account of a number, in any spacing.

    Raises:
        NoSuchAccount: there is none.
    """
    number = "".join(typed.split())
    account = await session.scalar(select(Account).where(Account.number == number))
    if account is None:
        raise NoSuchAccount("There is no account with that number.")
    return account


async def _standing(asked: argparse.Namespace) -> int:
    settings = surroundings(asked.config).settings
    async with open_database(settings) as database, database.transaction() as session:
        counts = await outbox.standing(session)
    if asked.json:
        say_json(dict(counts))
    else:
        say_table((what, str(count)) for what, count in counts.items())
    return Exit.DONE
