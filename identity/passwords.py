"""Passwords: what is accepted, and how they are hashed and verified.

Source: NIST SP 800-63B-4 section 3.1.1 (15 characters when a password is the only factor, 8 beside
another, at least 64 allowed, no composition rules, a block list of common passwords and of words
that belong to the service and the person); NCSC, Password administration for system owners (deny
common passwords, three random words, no complexity rules).
"""

import base64
import gzip
import re
import secrets
import string
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

from identity.hashing import in_turn
from identity.hashing_process import HASHER, Work

SHORTEST = 15
SHORTEST_WITH_APP = 8
LONGEST = 256
_WORD: Final = 3
_BLOCKED = (
    *("kentcard", "kentcountycouncil", "kentcouncil", "mykent", "kent", "countycouncil"),
    *("password", "passw0rd", "qwertyuiop", "letmein"),
)
_RUNS = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "01234567890123456789012345678901"


def fault_in(
    password: str, *, context: tuple[str, ...] = (), shortest: int = SHORTEST
) -> str | None:
    """What is wrong with a new password, or None.

    Args:
        password: as typed; spaces and any characters are allowed.
        context: words a guesser would try first for this person, such as their user name.
        shortest: how many characters it must have: fewer beside an authenticator app.
    """
    if len(password) < shortest:
        return f"The password must have {shortest} characters or more"
    if len(password) > LONGEST:
        return f"The password must have {LONGEST} characters or fewer"
    if _is_guessable(password, context):
        return "Choose a password that is harder to guess, like three or four random words"
    return None


def words_about(*known: str) -> tuple[str, ...]:
    """What a guesser would try first for somebody: their names, and every part of their address."""
    parts = (part for text in known for part in re.split(r"[\W_]+", text) if len(part) >= _WORD)
    return tuple(dict.fromkeys((*known, *parts)))


async def hash_password(password: str) -> str:
    """An Argon2id hash with its salt and parameters."""
    return (await in_turn(Work(_normalised(password)))).hashed


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether it is the password. With no stored hash: no, after the same work."""
    typed = _normalised(password[: LONGEST + 1])
    done = await in_turn(Work(typed, stored or _NOBODYS))
    return done.matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with other parameters than those of today."""
    return HASHER.check_needs_rehash(stored)


def _random_text(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()


# What a stored hash looks like; no password leads to it, and trying costs as much as any other.
_NOBODYS: Final = (
    f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    f"${_random_text(HASHER.salt_len)}${_random_text(HASHER.hash_len)}"
)


def _normalised(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _is_guessable(password: str, context: tuple[str, ...]) -> bool:
    """Whether little is left once words and runs that everybody tries are taken away."""
    rest = _squeezed(password)
    if _is_common(password.casefold()) or _is_common(rest):
        return True
    for word in filter(None, map(_squeezed, (*context, *_BLOCKED))):
        rest = rest.replace(word, "")
    return len(set(rest)) < 5 or any(rest in run for run in _RUNS)  # noqa: PLR2004  (five different characters)


def _is_common(password: str) -> bool:
    """Whether it is on the list, as it is or once or more in a row, with digits after it or not."""
    base = password.rstrip(string.digits)
    return any(_repeated(each) in common_passwords() for each in (password, base))


def _repeated(text: str) -> str:
    """The part that the text repeats from its first character to its last; else the text."""
    again = (text + text).find(text, 1)
    return text[:again] if 0 < again < len(text) else text


@cache
def common_passwords() -> frozenset[str]:
    """The 30,000 commonest passwords and common names, in small letters: tables/SOURCES.md."""
    packed = (files("identity") / "tables" / "common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split("\n")) - {""}


def _squeezed(text: str) -> str:
    """Without case, spaces and ASCII punctuation, which do not hide a word from anybody."""
    return "".join(c for c in text.casefold() if c.isalnum() or not c.isascii())
