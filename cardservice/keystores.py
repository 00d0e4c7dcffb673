"""Which key store there is, and what opens it."""

import sys
from datetime import datetime
from getpass import getpass
from pathlib import Path

from cardservice.errors import NotReady
from cardservice.settings import CREDENTIAL, Settings
from identity.keys import FileKeyStore, KeyStore
from identity.token_keys import TokenKeyStore
from identity.tokens import Token, TokenPlace


def opened(settings: Settings) -> KeyStore:
    """The key store of the settings: in a file, or in a token where one is named.

    Raises:
        NotReady: nothing says with what to open it.
        KeyStoreError: there is no store, or it does not open.
    """
    path = Path(settings.keys)
    if settings.keys_module:
        return TokenKeyStore.open(path, _token(settings))
    return FileKeyStore.open(path, passphrase(settings))


def made(settings: Settings, *, now: datetime) -> KeyStore:
    """A new key store with a first key of every purpose.

    Raises:
        NotReady, KeyStoreError: as `opened`; or there is one already.
    """
    path = Path(settings.keys)
    if settings.keys_module:
        return TokenKeyStore.initialise(path, _token(settings), now=now)
    return FileKeyStore.initialise(path, passphrase(settings), now=now)


def passphrase(settings: Settings) -> str:
    """What opens the store: the first line of its file, or what somebody types at a terminal.

    Raises:
        NotReady: the file cannot be read, and nobody is there to ask.
    """
    path = Path(settings.keys_passphrase_file)
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except FileNotFoundError as error:
        if sys.stdin.isatty():
            return getpass(f"{'PIN of the token' if settings.keys_module else 'Passphrase'}: ")
        raise _unreadable(path, error) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> NotReady:
    reason = getattr(error, "strerror", None) or "it is not text"
    return NotReady(
        f"{path}: the key store's passphrase or PIN cannot be read ({reason}). Name its file with "
        f"KENTCARD_KEYS_PASSPHRASE_FILE, hand it over as the systemd credential {CREDENTIAL}, or "
        "run this at a terminal and type it."
    )


def _token(settings: Settings) -> Token:
    place = TokenPlace(Path(settings.keys_module), settings.keys_token)
    return Token(place, passphrase(settings))
