"""`kentcard client`: the sites that may sign residents in."""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from cardservice.cli.answers import Exit, open_database, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from identity.actors import SYSTEM
from identity.errors import InvalidDetails
from identity.oidc import clients
from identity.oidc.clients import Client
from identity.oidc.models import Basis, ClientAuth
from identity.oidc.registration import CODE, GRANT_TYPES, NewClient
from identity.oidc.scopes import OPENID, SCOPES
from identity.oidc.signing import ES256, PURPOSES

SECRET_ONCE: Final = "It is shown this once and kept nowhere."  # noqa: S105  (a sentence)


class _JwkSet(msgspec.Struct):
    keys: tuple[dict[str, str], ...]


def add_to(commands: Commands) -> None:
    """`client add`, `list`, `secret` and `disable`."""
    own = group(commands, "client", "sites that may sign residents in")
    _add_add(own)
    listing = own.add_parser("list", help="every client; never a secret")
    listing.set_defaults(run=lambda asked: asyncio.run(_list(asked)))
    secret = own.add_parser("secret", help="give a client a new secret; the old one stops working")
    secret.set_defaults(run=lambda asked: asyncio.run(_secret(asked)))
    disable = own.add_parser("disable", help="refuse a client from now on")
    disable.set_defaults(run=lambda asked: asyncio.run(_disable(asked)))
    for parser in (secret, disable):
        parser.add_argument("client", help="id, as `client list` shows it")
    for parser in (listing, secret, disable):
        json_option(parser)


def _add_add(own: Commands) -> None:
    add = own.add_parser("add", help="register one; its secret is printed once")
    add.add_argument("--name", required=True, help="as residents read it")
    add.add_argument(
        "--basis",
        required=True,
        choices=[each.value for each in Basis],
        help="why it may be told: a council service, or a partner whom residents agree to",
    )
    auth = [each.value for each in ClientAuth]
    add.add_argument("--auth", default=ClientAuth.CLIENT_SECRET_BASIC.value, choices=auth)
    add.add_argument("--redirect", action="append", default=[], help="where people return to")
    add.add_argument("--scope", action="append", default=[], choices=list(SCOPES))
    add.add_argument("--grant", action="append", default=[], choices=GRANT_TYPES)
    add.add_argument("--after-sign-out", action="append", default=[], help="where people return to")
    add.add_argument("--logout", help="address that is told when a session ends")
    add.add_argument("--keys", type=Path, help="a file with its public keys, as a JWK Set")
    add.add_argument("--sector", default="", help="host whose clients know a person by one name")
    add.add_argument("--id-token-alg", default=ES256, choices=list(PURPOSES))
    add.add_argument("--no-pkce", action="store_true", help="let it use a nonce instead")
    add.add_argument("--par", action="store_true", help="it must push its requests")
    add.add_argument("--dpop", action="store_true", help="it must bind its tokens to a key")
    add.add_argument("--introspects", action="store_true", help="it may ask about others' tokens")
    json_option(add)
    add.set_defaults(run=lambda asked: asyncio.run(_add(asked)))


async def _add(asked: argparse.Namespace) -> int:
    around, details = surroundings(asked.config), _details(asked)
    async with open_database(around.settings) as database, database.transaction() as session:
        added = await clients.add(session, details, actor=SYSTEM, now=around.clock())
    if asked.json:
        say_json({"client": added.client_id, "secret": added.secret})
        return Exit.DONE
    say(f"Added {added.client_id}.")
    if added.secret:
        say(f"Secret: {added.secret}")
        say(SECRET_ONCE)
    return Exit.DONE


async def _list(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        found = [_line(each) for each in await clients.listed(session)]
    if asked.json:
        say_json(found)
    elif found:
        say_table([tuple(found[0]), *(tuple(row.values()) for row in found)])
    else:
        say("There are no clients.")
    return Exit.DONE


async def _secret(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        secret = await clients.change_secret(
            session, asked.client, actor=SYSTEM, now=around.clock()
        )
    if asked.json:
        say_json({"client": asked.client, "secret": secret})
    else:
        say(f"Secret: {secret}")
        say(SECRET_ONCE)
    return Exit.DONE


async def _disable(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    async with open_database(around.settings) as database, database.transaction() as session:
        await clients.disable(session, asked.client, actor=SYSTEM, now=around.clock())
    if asked.json:
        say_json({"client": asked.client, "disabled": True})
    else:
        say("Disabled: it signs nobody in, and its tokens stopped.")
    return Exit.DONE


def _details(asked: argparse.Namespace) -> NewClient:
    return NewClient(
        name=asked.name,
        basis=Basis(asked.basis),
        auth=ClientAuth(asked.auth),
        grant_types=tuple(asked.grant) or (CODE,),
        scopes=tuple(asked.scope) or (OPENID,),
        redirect_uris=tuple(asked.redirect),
        post_logout_redirect_uris=tuple(asked.after_sign_out),
        backchannel_logout_uri=asked.logout,
        keys=read_keys(asked.keys) if asked.keys else (),
        sector=asked.sector,
        id_token_alg=asked.id_token_alg,
        pkce_required=not asked.no_pkce,
        par_required=asked.par,
        dpop_required=asked.dpop,
        introspects=asked.introspects,
    )


def read_keys(path: Path) -> tuple[Mapping[str, str], ...]:
    """The keys of a JWK Set. Source: RFC 7517 section 5.

    Raises:
        InvalidDetails: the file holds none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=_JwkSet).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDetails({"keys": f"{path} is no JWK Set: {error}"}) from error


def _line(client: Client) -> dict[str, str]:
    return {
        "client": client.id,
        "name": client.name,
        "basis": client.basis.value,
        "auth": client.auth.value,
        "scopes": ",".join(sorted(client.scopes)),
        "state": "disabled" if client.disabled else "in-use",
    }
