"""Identifiers that are accepted once: of client assertions, DPoP proofs and revoked tokens."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite

from identity.executors import TOGETHER_BY, Executor, dialect_of
from identity.oidc.models import OidcSpentId, SpentKind

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


def digest(secret: str) -> bytes:
    """What is kept of a random secret or identifier."""
    return sha256(secret.encode(errors="surrogatepass")).digest()
