"""`kentcard keys`: the key store."""

import argparse
import asyncio
import base64
import os
import secrets
from pathlib import Path
from typing import Final

from cardservice import keystores
from cardservice.app import open_keystore
from cardservice.cli import card_keys, ceremony
from cardservice.cli.answers import (
    Exit,
    complain,
    open_database,
    say,
    say_json,
    say_table,
    surroundings,
)
from cardservice.cli.card_keys import CARD_KEYS
from cardservice.cli.subcommands import Commands, day, group, json_option
from cardservice.personal_data import STORE_SEALED, TABLES
from cardservice.settings import Settings
from identity import rekeying
from identity.keys import Purpose
from identity.personal import Vault

PASSPHRASE_BYTES: Final = 24
ROTATED: Final = (
    Purpose.DATA,
    Purpose.INDEX,
    Purpose.AUDIT_SIGN,
    Purpose.BUREAU_SIGN,
    Purpose.OIDC_SIGN_ES256,
    Purpose.OIDC_SIGN_RS256,
)
"""Keys that nothing outside must learn of first; sites fetch new OpenID keys by their id. Those on
cards are rolled onto them."""


def add_to(commands: Commands) -> None:
    """`keys init`, `rotate`, `retire`, `rolling`, `ceremony`, `rekey`, `list` and `pin`."""
    own = group(commands, "keys", "the key store")
    init = own.add_parser(
        "init",
        help="make a key store; a passphrase is made too if its file is not there",
    )
    init.set_defaults(run=_init)
    rotate = own.add_parser("rotate", help="add a key, and bring everything to it")
    choices = [each.value for each in (*ROTATED, *CARD_KEYS)]
    rotate.add_argument("purpose", choices=choices, help="which key")
    rotate.add_argument(
        "--from",
        dest="used_from",
        type=day,
        help="of a card key: the first day on which cards are given it",
    )
    rotate.set_defaults(run=_rotate)
    card_keys.add_to(own)
    ceremony.add_to(own)
    rekey = own.add_parser("rekey", help="bring everything to the newest keys; goes on if stopped")
    rekey.set_defaults(run=_rekey)
    listing = own.add_parser("list", help="names of the keys; never the keys")
    json_option(listing)
    listing.set_defaults(run=_list)
    pin = own.add_parser("pin", help="the public key that venues give to kentcard-verify")
    pin.set_defaults(run=_pin)


def _init(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    settings = around.settings
    secret = Path(settings.keys_passphrase_file)
    if not settings.keys_module and not secret.exists():
        _make_passphrase(secret)
        say(f"Made a passphrase in {secret}. Keep a copy apart from the key store.")
    keystores.made(settings, now=around.clock())
    place = f"the token {settings.keys_token} and {settings.keys}"
    if not settings.keys_module:
        place = settings.keys
    say(f"Made a key store in {place}, with a key for each of {len(Purpose)} purposes.")
    return Exit.DONE


def _make_passphrase(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(PASSPHRASE_BYTES)}\n")


def _rotate(asked: argparse.Namespace) -> int:
    if Purpose(asked.purpose) in CARD_KEYS:
        return card_keys.rotate(asked)
    if asked.used_from:
        complain("--from is for card keys; this one is used at once.")
        return Exit.USAGE
    around = surroundings(asked.config)
    key = open_keystore(around.settings).rotate(Purpose(asked.purpose), now=around.clock())
    say(f"Made {key.wire.decode()}. Keep a copy of the key store.")
    return _rekey(asked)


def _rekey(asked: argparse.Namespace) -> int:
    return asyncio.run(_bring_to_newest(surroundings(asked.config).settings))


async def _bring_to_newest(settings: Settings) -> int:
    vault = Vault(open_keystore(settings))
    async with open_database(settings) as database:
        async for progress in rekeying.rekey(database.transaction, vault, TABLES, STORE_SEALED):
            say(f"{progress.done} people done, {progress.remaining} to do.")
    say("Everything is at the newest keys.")
    return Exit.DONE


def _list(asked: argparse.Namespace) -> int:
    store = open_keystore(surroundings(asked.config).settings)
    rows = [
        {"purpose": purpose.value, "generation": key.generation, "key_id": key.wire.decode()}
        for purpose in Purpose
        for key in store.generations(purpose)
    ]
    if asked.json:
        say_json(rows)
    else:
        say_table([tuple(rows[0]), *(tuple(map(str, row.values())) for row in rows)])
    return Exit.DONE


def _pin(asked: argparse.Namespace) -> int:
    store = open_keystore(surroundings(asked.config).settings)
    key = store.current(Purpose.BUNDLE_SIGN)
    public = base64.urlsafe_b64encode(store.public_key(key).public_bytes_raw()).rstrip(b"=")
    say(f"{key.wire.decode()}:{public.decode()}")
    return Exit.DONE
