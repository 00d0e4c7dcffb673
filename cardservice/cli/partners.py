"""`kentcard partners`: organisations that ask about cards, and their credentials."""

import argparse
import asyncio
from pathlib import Path
from uuid import UUID

from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.clients import read_keys
from cardservice.cli.staff import read_password
from cardservice.cli.subcommands import Commands, group, json_option
from entitlements import members, organisations
from entitlements.organisations import Agreed, Partner
from entitlements.partner_models import CredentialKind, Organisation, PartnerCredential
from identity.actors import SYSTEM


def add_to(commands: Commands) -> None:
    """`partners add`, `list`, `show`, `agree`, `credential`, `suspend` and `member`."""
    own = group(commands, "partners", "organisations that ask about cards")
    add = own.add_parser("add", help="add an organisation; it has no credential yet")
    add.add_argument("--name", required=True, help="as residents read it")
    _add_schemes(add)
    add.set_defaults(run=lambda asked: asyncio.run(_add(asked)))
    listing = own.add_parser("list", help="every organisation")
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    show = own.add_parser("show", help="what one may ask about, and its credentials")
    show.set_defaults(run=lambda asked: asyncio.run(_show(asked)))
    agree = own.add_parser("agree", help="say what it may ask about, in place of before")
    _add_schemes(agree)
    agree.set_defaults(run=lambda asked: asyncio.run(_agree(asked)))
    credential = own.add_parser("credential", help="make or stop one")
    _add_credential(credential)
    suspend = own.add_parser("suspend", help="answer it nothing from now on")
    suspend.add_argument("--lift", action="store_true", help="answer it again")
    suspend.set_defaults(run=lambda asked: asyncio.run(_suspend(asked)))
    members_of = group(own, "member", "people who sign in for an organisation")
    member = members_of.add_parser(
        "add", help="add one; the password is asked for, or read from standard input"
    )
    member.add_argument("--username", required=True, help="what they sign in with")
    member.add_argument("--name", required=True, help="of the person")
    member.set_defaults(run=lambda asked: asyncio.run(_add_member(asked, read_password())))
    for parser in (show, agree, credential, suspend, member):
        parser.add_argument("organisation", type=UUID, help="id, as `partners list` shows it")
    for parser in (add, listing, show, agree, credential, suspend, member):
        json_option(parser)


def _add_schemes(parser: argparse.ArgumentParser) -> None:
    scheme = "a scheme or offer it may ask about"
    parser.add_argument("--scheme", action="append", default=[], help=scheme)
    with_band = "the same, and it is told the band by age"
    parser.add_argument("--scheme-with-band", action="append", default=[], help=with_band)


def _add_credential(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    keys = "a file with the organisation's public keys, as a JWK Set: make a credential for them"
    what.add_argument("--keys", type=Path, help=keys)
    what.add_argument("--stop", metavar="CLIENT", help="refuse this credential from now on")
    parser.add_argument("--sandbox", action="store_true", help="one that sees test cards alone")
    parser.set_defaults(run=lambda asked: asyncio.run(_credential(asked)))


async def _add(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        made = await organisations.add(
            session, asked.name, _agreed(asked), actor=SYSTEM, now=around.clock()
        )
    if asked.json:
        say_json({"organisation": str(made.id), "name": made.name})
    else:
        say(f"Added {made.id}.")
    return Exit.DONE


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        found = [_line(each) for each in await organisations.listed(session)]
    if asked.json:
        say_json(found)
    elif found:
        say_table([tuple(found[0]), *(tuple(row.values()) for row in found)])
    else:
        say("There are no organisations.")
    return Exit.DONE


async def _show(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    now = around.clock()
    async with open_database(around.settings) as database, database.transaction() as session:
        partner = await organisations.shown(session, asked.organisation)
    schemes = [
        {"scheme": each.scheme, "band": "told" if each.tells_band else "not told"}
        for each in partner.agreed
    ]
    credentials = [
        {
            "client": each.client_id,
            "kind": each.kind.value,
            "made": f"{each.made_at:%Y-%m-%d %H:%M}",
            "state": _state(each, stopped=organisations.is_stopped(each, now=now)),
        }
        for each in partner.credentials
    ]
    _say_shown(partner, schemes, credentials, as_json=asked.json)
    return Exit.DONE


def _say_shown(
    partner: Partner,
    schemes: list[dict[str, str]],
    credentials: list[dict[str, str]],
    *,
    as_json: bool,
) -> None:
    head = _line(partner.organisation)
    if as_json:
        say_json({**head, "schemes": schemes, "credentials": credentials})
        return
    say(f"{head['name']}: {head['state']}")
    for rows in (schemes, credentials):
        say_table([tuple(rows[0]), *(tuple(row.values()) for row in rows)] if rows else [])


async def _agree(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        await organisations.agree(
            session, asked.organisation, _agreed(asked), actor=SYSTEM, now=around.clock()
        )
    _say_done(asked, "Noted.")
    return Exit.DONE


async def _credential(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    kind = CredentialKind.SANDBOX if asked.sandbox else CredentialKind.LIVE
    client_id, now = asked.stop, around.clock()
    async with open_database(around.settings) as database, database.transaction() as session:
        if client_id:
            await organisations.stop_credential(
                session, asked.organisation, client_id, actor=SYSTEM, now=now
            )
        else:
            made = await organisations.new_credential(
                session, asked.organisation, kind, read_keys(asked.keys), actor=SYSTEM, now=now
            )
            client_id = made.client_id
    if asked.json:
        say_json({"client": client_id, "stopped": bool(asked.stop)})
    elif asked.stop:
        say("Stopped.")
    else:
        say(f"Client: {client_id}")
        say(f"The one before it goes on for {organisations.OVERLAP.days} days.")
    return Exit.DONE


async def _suspend(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    change = organisations.resume if asked.lift else organisations.suspend
    async with open_database(around.settings) as database, database.transaction() as session:
        await change(session, asked.organisation, actor=SYSTEM, now=around.clock())
    _say_done(
        asked, "It is answered again." if asked.lift else "Suspended: it is answered nothing."
    )
    return Exit.DONE


async def _add_member(asked: argparse.Namespace, password: str) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        added = await members.add(
            session,
            asked.organisation,
            asked.username,
            asked.name,
            password,
            actor=SYSTEM,
            now=around.clock(),
        )
    if asked.json:
        say_json({"username": added.username})
        return Exit.DONE
    say(f"Added {added.username}.")
    say(
        f"Next they sign in at {around.settings.base_url}/staff/sign-in, set up an authenticator "
        "app with the picture shown there, and save their recovery codes."
    )
    return Exit.DONE


def _agreed(asked: argparse.Namespace) -> list[Agreed]:
    told = set(asked.scheme_with_band)
    return [Agreed(each, tells_band=each in told) for each in sorted({*asked.scheme, *told})]


def _line(organisation: Organisation) -> dict[str, str]:
    return {
        "organisation": str(organisation.id),
        "name": organisation.name,
        "state": "suspended" if organisation.suspended_at else "in-use",
    }


def _state(credential: PartnerCredential, *, stopped: bool) -> str:
    if stopped:
        return "stopped"
    until = credential.stops_at
    return "in-use" if until is None else f"replaced, until {until:%Y-%m-%d %H:%M}"


def _say_done(asked: argparse.Namespace, words: str) -> None:
    if asked.json:
        say_json({"organisation": str(asked.organisation), "done": True})
    else:
        say(words)
