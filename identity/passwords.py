"""Passwords: what is accepted, and Argon2id in worker threads.

Source: OWASP Password Storage Cheat Sheet (Argon2id, 19 MiB, 2 passes, 1 lane); NIST SP 800-63B-4
section 3.1.1 (15 characters when a password is the only factor, at least 64 allowed, no composition
rules, a block list).
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

SHORTEST = 15
LONGEST = 256
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Hashing is meant to be slow: two at a time, so that a storm of sign-ins leaves the server a core.
_WORKERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
_BLOCKED = ("kentcard", "kentcountycouncil", "password", "passw0rd", "qwertyuiop", "letmein")
_RUNS = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "01234567890123456789012345678901"


def fault_in(password: str, *, context: tuple[str, ...] = ()) -> str | None:
    """What is wrong with a new password, or None.

    Args:
        password: as typed; spaces and any characters are allowed.
        context: words a guesser would try first for this person, such as their user name.
    """
    if len(password) < SHORTEST:
        return f"The password must have {SHORTEST} characters or more"
    if len(password) > LONGEST:
        return f"The password must have {LONGEST} characters or fewer"
    if _is_guessable(password, context):
        return "Choose a password that is harder to guess, like three or four random words"
    return None


async def hash_password(password: str) -> str:
    """An Argon2id hash with its salt and parameters."""
    return await asyncio.get_running_loop().run_in_executor(
        _WORKERS, _HASHER.hash, _normalised(password)
    )


async def verify_password(stored: str | None, password: str) -> bool:
    """Whether it is the password. With no stored hash: no, after the same work."""
    matches = await asyncio.get_running_loop().run_in_executor(
        _WORKERS, _verify, stored, _normalised(password[: LONGEST + 1])
    )
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(stored)


def _verify(stored: str | None, password: bytes) -> bool:
    try:
        return _HASHER.verify(stored or _nobodys_hash(), password)
    except VerificationError:
        return False


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("the password of nobody")


def _normalised(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _is_guessable(password: str, context: tuple[str, ...]) -> bool:
    """Whether little is left once words and runs that everybody tries are taken away."""
    rest = _squeezed(password)
    for word in filter(None, map(_squeezed, (*context, *_BLOCKED))):
        rest = rest.replace(word, "")
    return len(set(rest)) < 5 or any(rest in run for run in _RUNS)  # noqa: PLR2004  (five different characters)


def _squeezed(text: str) -> str:
    """Without case, spaces and ASCII punctuation, which do not hide a word from anybody."""
    return "".join(c for c in text.casefold() if c.isalnum() or not c.isascii())
