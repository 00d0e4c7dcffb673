"""Identifiers that are accepted once: of client assertions, DPoP proofs and revoked tokens."""

from datetime import datetime
from hashlib import sha256

from identity.oidc.models import OidcSpentId, SpentKind
from identity.oidc.statements import UNSYNCHRONISED, Executor, insert_if_new


async def first_use(
    session: Executor, kind: SpentKind, identifier: str, *, expires_at: datetime
) -> bool:
    """Spend an identifier. False: it was spent before, by whichever request came first."""
    row = {"kind": kind, "digest": digest(identifier), "expires_at": expires_at}
    spending = insert_if_new(session, OidcSpentId, row).returning(OidcSpentId.digest)
    done = await session.execute(spending, **UNSYNCHRONISED)
    return done.one_or_none() is not None


def digest(secret: str) -> bytes:
    """What is kept of a random secret or identifier."""
    return sha256(secret.encode(errors="surrogatepass")).digest()
