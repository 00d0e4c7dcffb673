"""`kentcard keys`: the key store."""

import argparse
import os
import secrets
from pathlib import Path
from typing import Final

from cardservice.app import open_keystore, passphrase
from cardservice.cli.answers import Exit, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, group, json_option
from identity.keys import FileKeyStore, Purpose

PASSPHRASE_BYTES: Final = 24


def add_to(commands: Commands) -> None:
    """`keys init` and `keys list`."""
    own = group(commands, "keys", "the key store")
    init = own.add_parser(
        "init",
        help="make a key store; a passphrase is made too if its file is not there",
    )
    init.set_defaults(run=_init)
    listing = own.add_parser("list", help="names of the keys; never the keys")
    json_option(listing)
    listing.set_defaults(run=_list)


def _init(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    secret = Path(around.settings.keys_passphrase_file)
    if not secret.exists():
        _make_passphrase(secret)
        say(f"Made a passphrase in {secret}. Keep a copy apart from the key store.")
    store = Path(around.settings.keys)
    FileKeyStore.initialise(store, passphrase(around.settings), now=around.clock())
    say(f"Made a key store in {store}, with a key for each of {len(Purpose)} purposes.")
    return Exit.DONE


def _make_passphrase(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(PASSPHRASE_BYTES)}\n")


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
