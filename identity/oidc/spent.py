"""Identifiers that are accepted once: of client assertions, DPoP proofs and revoked tokens."""

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Exists, delete, exists
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from identity.oidc.models import OidcSpentId, SpentKind

UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
"""No row of the provider is loaded as an object before it is changed by a statement."""


async def first_use(
    session: AsyncSession, kind: SpentKind, identifier: str, *, expires_at: datetime
) -> bool:
    """Spend an identifier. False: it was spent before, by whichever request came first."""
    row = {"kind": kind, "digest": digest(identifier), "expires_at": expires_at}
    insert = (
        sqlite.insert(OidcSpentId).values(row).on_conflict_do_nothing()
        if session.get_bind().dialect.name == "sqlite"
        else postgresql.insert(OidcSpentId).values(row).on_conflict_do_nothing()
    )
    done = await session.execute(insert.returning(OidcSpentId.digest), **UNSYNCHRONISED)
    return done.one_or_none() is not None


def is_spent(kind: SpentKind, identifier: str) -> Exists:
    """The condition that an identifier was spent."""
    return exists().where(OidcSpentId.kind == kind, OidcSpentId.digest == digest(identifier))


async def forget_expired(session: AsyncSession, *, now: datetime) -> None:
    """Remove identifiers whose tokens can no longer be valid; the worker calls it now and then."""
    await session.execute(delete(OidcSpentId).where(OidcSpentId.expires_at < now), **UNSYNCHRONISED)


def digest(secret: str) -> bytes:
    """What is kept of a random secret or identifier."""
    return sha256(secret.encode(errors="surrogatepass")).digest()
