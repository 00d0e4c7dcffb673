"""Clients ask about a token, or give one up.

Source: RFC 7662 (introspection), RFC 7009 (revocation).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.executors import Executor
from identity.oidc import access, grants
from identity.oidc.checks import Refused
from identity.oidc.clients import Client
from identity.oidc.models import ClientAuth, OidcGrant, OidcRefreshToken
from identity.oidc.provider import Provider
from identity.oidc.spent import digest

_TOLD: Final = (
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "iat",
    "exp",
    "jti",
    "acr",
    "auth_time",
    "cnf",
)
INACTIVE: Final[Mapping[str, Any]] = {"active": False}


async def introspect(
    session: Executor, provider: Provider, client: Client, token: str, *, now: datetime
) -> Mapping[str, Any]:
    """What an access token allows now.

    Its own client learns it, if it proved itself, and resource servers.
    Source: RFC 7662 section 2.2: of any other token no more is said than that it is inactive.
    """
    found = await access.accepted(session, provider, token, now=now)
    if isinstance(found, Refused):
        return INACTIVE
    own = found.client_id == client.id and client.auth is not ClientAuth.NONE
    if not (own or client.introspects):
        return INACTIVE
    told = {name: found.claims[name] for name in _TOLD if name in found.claims}
    return {"active": True, "token_type": "DPoP" if found.bound_to else "Bearer", **told}


async def revoke(
    session: AsyncSession, provider: Provider, client: Client, token: str, *, now: datetime
) -> Refused | None:
    """Stop a token: an access token alone, a refresh token with its whole grant.

    A token we do not know is stopped already, so that is no error.
    Source: RFC 7009 sections 2.1 and 2.2.
    """
    claims = access.read(provider, token, now=now)
    if not isinstance(claims, Refused):
        if claims["client_id"] != client.id:
            return _not_yours()
        await access.revoke(session, claims)
        return None
    found = await session.execute(
        select(OidcGrant.id, OidcGrant.client_id)
        .join(OidcRefreshToken, OidcRefreshToken.grant_id == OidcGrant.id)
        .where(OidcRefreshToken.token_hash == digest(token))
    )
    grant = found.one_or_none()
    if grant is None:
        return None
    if grant.client_id != client.id:
        return _not_yours()
    of_token = OidcGrant.id == grant.id
    await grants.revoke(session, of_token, "given-up", actor=client.actor, now=now)
    return None


def _not_yours() -> Refused:
    return Refused("unauthorized_client", "the token was given to another client")
