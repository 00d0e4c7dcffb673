"""The word that software on this machine shows: from a file that nobody else may read."""

import hmac
import os
import re
import stat
from pathlib import Path
from typing import Final

from readers.terminal.errors import TillSecretUnusable

MIN_LENGTH: Final = 32
MAX_LENGTH: Final = 512
_WORD: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""What a bearer token may be. Source: RFC 6750 section 2.1."""

_OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Secret:
    """A word that a program shows to be told of taps."""

    def __init__(self, word: bytes) -> None:
        self._word = word

    def is_shown_by(self, shown: bytes) -> bool:
        """Whether that is it; takes as long whichever letter is wrong."""
        return hmac.compare_digest(shown, self._word)


def read_secret(path: Path) -> Secret:
    """The secret in the file: one word of 32 to 512 characters; a line end after it is no part.

    Raises:
        TillSecretUnusable: with every fault there is; none of them tells what is in the file.
    """
    try:
        # A pipe with nobody at its other end would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123  of a number
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise TillSecretUnusable([f"The till's secret {path} is no file."])
            secret = file.read(MAX_LENGTH + len("\r\n")).rstrip(b"\r\n")
    except OSError as error:
        raise TillSecretUnusable(
            [f"The till's secret {path} cannot be read: {error.strerror}."]
        ) from error
    faults = _faults(path, found.st_mode, secret)
    if faults:
        raise TillSecretUnusable(faults)
    return Secret(secret)


def _faults(path: Path, mode: int, secret: bytes) -> list[str]:
    faults = []
    if mode & _OF_OTHERS:
        faults.append(
            f"The till's secret {path} is open to other accounts "
            f"(mode {stat.S_IMODE(mode):04o}, not 0600)."
        )
    if not MIN_LENGTH <= len(secret) <= MAX_LENGTH or not _WORD.fullmatch(secret):
        faults.append(
            f"The till's secret {path} must be one word of {MIN_LENGTH} to {MAX_LENGTH} letters, "
            "digits and - . _ ~ + /."
        )
    return faults
