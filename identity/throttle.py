"""Slowing down whoever guesses passwords: five free tries, then waits that double.

Names that do not exist are counted like those that do, so that nothing is learnt from a wait.
Source: NIST SP 800-63B-4 section 3.2.2 (at most 100 failures in a row); OWASP ASVS 5.0, 6.3.1.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import Base
from identity.signin_models import SignInThrottle

FREE_TRIES = 5
MOST_FAILURES = 100
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=15)


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: 0 s five times, 30 s, 1 min ... 15 min."""
    beyond = failures - FREE_TRIES
    if beyond <= 0:
        return timedelta(0)
    doublings = min(beyond - 1, 10)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


async def locked_row(session: AsyncSession, subject: str) -> SignInThrottle:
    """The count for a subject, held by this transaction so that no two tries judge it at once."""
    subject_hash = hash_of(subject)
    new = {"subject_hash": subject_hash, "failures": 0}
    await insert_missing(session, SignInThrottle, new)
    held = select(SignInThrottle).where(SignInThrottle.subject_hash == subject_hash)
    refreshed = held.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(refreshed)).one()


async def insert_missing(session: AsyncSession, model: type[Base], row: dict[str, Any]) -> None:
    """Insert a row unless its key is taken."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if on_sqlite else postgresql.insert
    await session.execute(insert(model).values(row).on_conflict_do_nothing())


def may_try(row: SignInThrottle, now: datetime) -> bool:
    """Whether another try is allowed now."""
    return is_allowed(row.failures, row.retry_at, now)


def is_allowed(failures: int, retry_at: datetime | None, now: datetime) -> bool:
    """Whether another try is allowed after so many failures, the last of which set `retry_at`."""
    return failures < MOST_FAILURES and (retry_at is None or retry_at <= now)


def count_failure(row: SignInThrottle, now: datetime) -> None:
    """Count a failure and set when the next try is allowed."""
    row.failures += 1
    wait = wait_after(row.failures)
    row.retry_at = now + wait if wait else None


def forget(row: SignInThrottle) -> None:
    """Start again from nothing, after a success. The row stays, for others may wait for it."""
    row.failures = 0
    row.retry_at = None


async def drop(session: AsyncSession, subjects: Iterable[str]) -> None:
    """Remove the counts of subjects that are no more."""
    hashes = [hash_of(subject) for subject in subjects]
    await session.execute(delete(SignInThrottle).where(SignInThrottle.subject_hash.in_(hashes)))


def hash_of(subject: str) -> bytes:
    """The key of a subject's count."""
    return sha256(subject.encode(errors="surrogatepass")).digest()
