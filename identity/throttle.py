"""Slowing down whoever guesses passwords: five free tries, then waits that double.

Names that do not exist are counted like those that do, so that nothing is learnt from a wait.
Source: NIST SP 800-63B-4 section 3.2.2 (at most 100 failures in a row); OWASP ASVS 5.0, 6.3.1.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import delete, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import Base
from identity.signin_models import SignInThrottle

FREE_TRIES = 5
MOST_FAILURES = 100
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=15)
_Row = TypeVar("_Row", bound=Base)


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: 0 s five times, 30 s, 1 min ... 15 min."""
    beyond = failures - FREE_TRIES
    if beyond <= 0:
        return timedelta(0)
    doublings = min(beyond - 1, 10)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


async def locked_row(session: AsyncSession, subject: str) -> SignInThrottle:
    """The count for a subject, held by this transaction so that no two tries judge it at once."""
    return await held_row(
        session, SignInThrottle, {"subject_hash": hash_of(subject), "failures": 0}
    )


async def held_row(session: AsyncSession, model: type[_Row], row: Mapping[str, Any]) -> _Row:
    """The row with the key of this one, which is inserted if there is none, in one statement.

    It is held by the caller's transaction, as `SELECT ... FOR UPDATE` would hold it.
    """
    own = {column.name: column for column in inspect(model).primary_key}
    inserting = _insert(session)(model).values(row)
    unchanged = {name: inserting.excluded[name] for name in own}
    holding = inserting.on_conflict_do_update(index_elements=list(own.values()), set_=unchanged)
    refreshed = holding.returning(model).execution_options(populate_existing=True)
    held: _Row = (await session.scalars(refreshed)).one()
    return held


async def insert_missing(session: AsyncSession, model: type[Base], row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken. False: it is."""
    key = inspect(model).primary_key[0]
    inserting = _insert(session)(model).values(row).on_conflict_do_nothing().returning(key)
    return (await session.execute(inserting)).one_or_none() is not None


def _insert(session: AsyncSession) -> Any:  # noqa: ANN401  (both have `on_conflict_do_...`)
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert if on_sqlite else postgresql.insert


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
