"""`kentcard staff`: the people who work with accounts."""

import argparse
import asyncio
import getpass
import sys
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.app import open_keystore
from cardservice.cli.answers import Exit, Surroundings, open_database, say, surroundings
from cardservice.cli.subcommands import Commands, group
from cardservice.errors import NotTheirAct
from identity import assisted, staff, staff_access, staff_contact, staff_factor, staff_reset
from identity.actors import SYSTEM, Actor, staff_actor
from identity.models import StaffRole
from identity.personal import Vault
from identity.roles import OF_THE_COUNCIL, RIGHTS, STEP_UP, WORDS, Act, may

FORGOTTEN: Final = "/staff/sign-in/forgotten/code"
"""Where a code for a new password is used."""


async def acting(session: AsyncSession, username: str, act: Act) -> Actor:
    """A member of staff as who acts. Whoever may run commands is taken at their word.

    Raises:
        NoSuchStaff: there is none with that user name.
        NotTheirAct: their role does not include it, or their access has ended.
    """
    member = await staff.named(session, username)
    if not (member.active and may(member.role, act)):
        raise NotTheirAct(f"{member.username} may not {WORDS[act]}.")
    return staff_actor(member.id, member.name)


def add_to(commands: Commands) -> None:
    """Adding, listing, changing, unlocking, forgetting an app, and noting an own account."""
    own = group(commands, "staff", "members of staff")
    add = own.add_parser(
        "add", help="add one; the password is asked for, or read from standard input"
    )
    add.add_argument("--username", required=True, help="what they sign in with")
    add.add_argument("--name", required=True, help="as residents may see it")
    add.add_argument("--role", required=True, choices=[role.value for role in OF_THE_COUNCIL])
    add.add_argument("--email", default="", help="work address, for a code if they forget it")
    add.set_defaults(run=_add)
    address = own.add_parser("set-email", help="note somebody's work e-mail address")
    address.add_argument("--email", required=True, help="where they are told, and sent codes")
    address.set_defaults(run=_set_email)
    reset = own.add_parser(
        "reset-password", help="send somebody a code to choose a new password with; nobody sees it"
    )
    reset.set_defaults(run=_reset_password)
    unlock = own.add_parser("unlock", help="forget somebody's wrong passwords and codes")
    unlock.set_defaults(run=_unlock)
    forget = own.add_parser(
        "forget-app", help="let somebody who lost their phone set up a new authenticator app"
    )
    forget.set_defaults(run=_forget_app)
    for parser in (unlock, forget, address, reset):
        parser.add_argument("--username", required=True, help="what they sign in with")
    own.add_parser("list", help="everybody, with their role").set_defaults(run=_list)
    roles = own.add_parser("roles", help="what each role may do")
    roles.set_defaults(run=_roles)
    change = own.add_parser("change-role", help="give somebody another role; signs them out")
    change.add_argument("--username", required=True, help="what they sign in with")
    change.add_argument("--role", required=True, choices=[role.value for role in OF_THE_COUNCIL])
    change.set_defaults(run=_change_role)
    own_account = own.add_parser(
        "own-account", help="note which account somebody has as a resident: they never act for it"
    )
    own_account.add_argument("--username", required=True, help="what they sign in with")
    own_account.add_argument("--number", default="", help="nine digits; left out: they have none")
    own_account.set_defaults(run=_own_account)


def _own_account(asked: argparse.Namespace) -> int:
    return asyncio.run(_own_account_with(asked))


async def _own_account_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        member = await staff.named(session, asked.username)
        now = around.clock()
        await assisted.set_own_account(session, member.id, asked.number, actor=SYSTEM, now=now)
    say("Noted." if asked.number else "Noted: they have no account.")
    return Exit.DONE


def _add(asked: argparse.Namespace) -> int:
    return asyncio.run(_add_with(asked, read_password()))


async def _add_with(asked: argparse.Namespace, password: str) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        added = await staff.add(
            session,
            asked.username,
            asked.name,
            StaffRole(asked.role),
            password,
            actor=SYSTEM,
            now=around.clock(),
        )
        if asked.email:
            await _note_email(session, around, added.id, asked.email)
    say(f"Added {added.username}, {added.role}.")
    say(
        f"Next they sign in at {around.settings.base_url}/staff/sign-in, set up an authenticator "
        "app with the picture shown there, and save their recovery codes."
    )
    return Exit.DONE


def _set_email(asked: argparse.Namespace) -> int:
    return asyncio.run(_set_email_with(asked))


async def _set_email_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        member = await staff.named(session, asked.username)
        await _note_email(session, around, member.id, asked.email)
    say("Noted. They were told there, and at the address before it.")
    return Exit.DONE


async def _note_email(
    session: AsyncSession, around: Surroundings, staff_id: UUID, email: str
) -> None:
    vault, now = Vault(open_keystore(around.settings)), around.clock()
    await staff_contact.set_email(session, vault, staff_id, email, actor=SYSTEM, now=now)


def _reset_password(asked: argparse.Namespace) -> int:
    return asyncio.run(_reset_password_with(asked))


async def _reset_password_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    vault, now = Vault(open_keystore(around.settings)), around.clock()
    async with open_database(around.settings) as database, database.transaction() as session:
        member = await staff.named(session, asked.username)
        sent = await staff_reset.start(session, vault, member.id, actor=SYSTEM, now=now)
    if not sent:
        say("Nothing was sent: enough codes were in the last quarter of an hour.")
        return Exit.FAULT
    say(
        f"A code was sent to them. They use it at {around.settings.base_url}{FORGOTTEN}, within 10 "
        "minutes."
    )
    return Exit.DONE


def _unlock(asked: argparse.Namespace) -> int:
    return asyncio.run(_unlock_with(asked))


async def _unlock_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        await staff.unlock(session, asked.username, actor=SYSTEM, now=around.clock())
    say("Unlocked: passwords and codes can be tried again.")
    return Exit.DONE


def _forget_app(asked: argparse.Namespace) -> int:
    return asyncio.run(_forget_app_with(asked))


async def _forget_app_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        found = await staff.named(session, asked.username)
        await staff_factor.forget_app(session, found, actor=SYSTEM, now=around.clock())
    say("Signed out everywhere, without passkeys. At the next sign-in they set up a new app.")
    return Exit.DONE


def _list(asked: argparse.Namespace) -> int:
    return asyncio.run(_list_with(asked))


async def _list_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        for member in await staff_access.members(session):
            say(f"{member.username}  {member.role}{'' if member.active else '  no access'}")
    return Exit.DONE


def _roles(_: argparse.Namespace) -> int:
    for role, acts in RIGHTS.items():
        say(f"{role}")
        for act in (act for act in Act if act in acts):
            say(f"  {WORDS[act]}{' (step-up)' if act in STEP_UP else ''}")
    return Exit.DONE


def _change_role(asked: argparse.Namespace) -> int:
    return asyncio.run(_change_role_with(asked))


async def _change_role_with(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        member = await staff.named(session, asked.username)
        role, now = StaffRole(asked.role), around.clock()
        await staff_access.change_role(session, member.id, role, actor=SYSTEM, now=now)
    say(f"{member.username} is now {role}.")
    return Exit.DONE


def read_password() -> str:
    """Never an argument: arguments can be seen by everybody on the machine."""
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
