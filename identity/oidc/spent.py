"""Identifiers that are accepted once: of client assertions, DPoP proofs and revoked tokens."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Insert, delete, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from identity.executors import TOGETHER_BY, Executor, dialect_of
from identity.oidc.models import OidcSpentId, SpentKind

AT_ONCE: Final = 1000
"""Identifiers that one run forgets: no run is long, and the next goes on."""
_TABLE: Final = OidcSpentId.metadata.tables[OidcSpentId.__tablename__]
# Asked of every assertion and proof, so built once.
_SPENDING: Final[Mapping[str, Insert]] = {
    name: insert(_TABLE)
    .on_conflict_do_nothing()
    .returning(_TABLE.c.digest)
    .execution_options(**{TOGETHER_BY: "digest"})
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


async def first_use(
    session: Executor, kind: SpentKind, identifier: str, *, expires_at: datetime
) -> bool:
    """Spend an identifier. False: it was spent before, by whichever request came first."""
    row = {"kind": kind, "digest": digest(identifier), "expires_at": expires_at}
    done = await session.execute(_SPENDING[dialect_of(session)], row)
    return done.one_or_none() is not None


async def forget(session: AsyncSession, *, now: datetime) -> int:
    """Forget identifiers of what is refused by its own time; how many.

    Clients that sign spend one at every request, so this does not wait for the nightly run.
    """
    over = select(_TABLE.c.digest).where(_TABLE.c.expires_at < now).limit(AT_ONCE)
    forgetting = delete(_TABLE).where(_TABLE.c.digest.in_(over)).returning(literal(1))
    return len((await session.execute(forgetting)).all())


def digest(secret: str) -> bytes:
    """What is kept of a random secret or identifier."""
    return sha256(secret.encode(errors="surrogatepass")).digest()
