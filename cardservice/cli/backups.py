"""`kentcard backup` and `kentcard restore`."""

import argparse
import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from sqlalchemy import make_url

from cardservice import keystores, schema
from cardservice.app import open_keystore
from cardservice.backups import making, restoring
from cardservice.backups.making import Stand
from cardservice.backups.sealing import Identity, Passphrase, Recipient
from cardservice.cli.answers import Exit, open_database, say, say_json, surroundings
from cardservice.cli.subcommands import Commands, json_option
from cardservice.errors import NotReady
from cardservice.settings import Settings
from identity import checkpoints
from identity.errors import WeakPassphrase
from identity.keyfile import LEAST_PASSPHRASE
from identity.keys import KeyStore, Purpose


def add_to(commands: Commands) -> None:
    """Both commands."""
    backup = commands.add_parser(
        "backup", help="copy database and key store together into one sealed file, and check it"
    )
    backup.add_argument("to", type=Path, help="a file that is not there yet, or a directory")
    _add_secret(
        backup, "--recipient", "a file with an X25519 public key (PEM): its private key opens it"
    )
    backup.set_defaults(run=_backup)
    restore = commands.add_parser(
        "restore", help="make database and key store of a backup again, where nothing is yet"
    )
    restore.add_argument("backup", type=Path, help="the file")
    _add_secret(restore, "--identity", "a file with the recipient's private key (PEM)")
    restore.set_defaults(run=_restore)
    for parser in (backup, restore):
        json_option(parser)


def _add_secret(parser: argparse.ArgumentParser, option: str, words: str) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--passphrase-file", type=Path, help="a file whose first line opens the backup"
    )
    which.add_argument(option, type=Path, help=words, dest="key")


def _backup(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    now = around.clock()
    to = _sealed_for(asked)
    stand = asyncio.run(_stand(around.settings, now))
    path = making.make(around.settings, stand, asked.to, to, now=now)
    if asked.json:
        say_json({"backup": str(path), "made_at": now, "revision": stand.revision})
    else:
        say(f"Made {path} and read it again. The key store's own passphrase is not in it.")
    return Exit.DONE


async def _stand(settings: Settings, now: datetime) -> Stand:
    """Where the audit trail ends, in the database too, before it is copied."""
    keystore = open_keystore(settings)
    url = make_url(settings.database_url)
    async with open_database(settings) as database:
        async with database.transaction() as session:
            taken = await checkpoints.take(session, keystore, now=now)
        revision = await schema.current(database.engine) or ""
    on_file = url.get_backend_name() == "sqlite"
    return Stand(
        checkpoint=checkpoints.as_line(taken),
        revision=revision,
        server_version=0 if on_file else await restoring.server_version(url),
        keys=_names(keystore),
    )


def _names(keystore: KeyStore) -> tuple[str, ...]:
    found = (key for purpose in Purpose for key in keystore.generations(purpose))
    return tuple(key.wire.decode() for key in found)


def _restore(asked: argparse.Namespace) -> int:
    around = surroundings(asked.config)
    settings = around.settings

    def open_keys(path: Path) -> KeyStore:
        return keystores.opened(msgspec.structs.replace(settings, keys=str(path)))

    done = restoring.restore(
        settings, asked.backup, _opened_by(asked), open_keys, now=around.clock()
    )
    manifest, leapt = done.manifest, done.leapt
    if asked.json:
        say_json({"made_at": manifest.made_at, "revision": manifest.revision, "moved_on": leapt})
        return Exit.DONE
    say(f"Restored what was there on {manifest.made_at:%d %B %Y at %H:%M:%S} UTC.")
    say(
        f"{leapt.cards} cards are written anew at their next online tap; "
        f"{leapt.sign_ins} sign-ins were ended."
    )
    say("Before anybody signs in: docs/operations.md, 'After a restore'.")
    return Exit.DONE


def _sealed_for(asked: argparse.Namespace) -> Passphrase | Recipient:
    if asked.passphrase_file:
        return _passphrase(asked.passphrase_file)
    key = _pem(asked.key, load_pem_public_key)
    if not isinstance(key, X25519PublicKey):
        raise NotReady(f"{asked.key}: this is no X25519 public key.")
    return Recipient(key)


def _opened_by(asked: argparse.Namespace) -> Passphrase | Identity:
    if asked.passphrase_file:
        return _passphrase(asked.passphrase_file)
    key = _pem(asked.key, lambda content: load_pem_private_key(content, None))
    if not isinstance(key, X25519PrivateKey):
        raise NotReady(f"{asked.key}: this is no X25519 private key.")
    return Identity(key)


def _passphrase(path: Path) -> Passphrase:
    """The first line of a file.

    Raises:
        WeakPassphrase: fewer than twelve characters.
    """
    text = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    if len(text) < LEAST_PASSPHRASE:
        raise WeakPassphrase(
            f"A backup's passphrase must have at least {LEAST_PASSPHRASE} characters."
        )
    return Passphrase(text)


def _pem(path: Path, load: Callable[[bytes], object]) -> object:
    try:
        return load(path.read_bytes())
    except (ValueError, TypeError) as error:
        raise NotReady(f"{path}: this is no key in PEM without a passphrase.") from error
