"""The token endpoint: a code, a refresh token or the client itself for an access token.

A replay stops the whole grant and is answered by a value, so that the caller's transaction commits.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

from identity.executors import Executor
from identity.models import Account, AccountState
from identity.oidc import access, client_auth, dpop, grants, id_tokens
from identity.oidc.checks import Refused, first_refusal
from identity.oidc.models import OidcCode, OidcGrant, OidcRefreshToken
from identity.oidc.parameters import Parameters
from identity.oidc.provider import Provider
from identity.oidc.registration import CODE, MACHINE, REFRESH
from identity.oidc.scopes import OFFLINE_ACCESS, SCOPES
from identity.oidc.spent import digest
from identity.oidc.statements import UNSYNCHRONISED
from identity.oidc.token_checks import (
    FORM_CHECKS,
    MACHINE_CHECKS,
    REDEEM_CHECKS,
    REFRESH_CHECKS,
    TOKEN_CHECKS,
    Asked,
    CodeFacts,
    Redemption,
    RefreshFacts,
    Renewal,
)


class Issued(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the client gets; `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str | None = None
    refresh_token: str | None = None


_Exchange: TypeAlias = Callable[
    [AsyncSession, Provider, Asked, datetime], Awaitable[Issued | Refused]
]


def is_for_itself(parameters: Parameters) -> bool:
    """Whether a client asks on its own behalf: then `for_itself` answers, else `exchange`."""
    return parameters.get("grant_type") == MACHINE


async def exchange(
    session: AsyncSession,
    provider: Provider,
    authorization: str,
    parameters: Parameters,
    request: dpop.Request,
    *,
    now: datetime,
) -> Issued | Refused:
    """Answer a request for a token on behalf of a resident, or for what we do not give out.

    Args:
        session: the caller's transaction; it commits whatever the answer is.
        provider: us.
        authorization: the header, or empty text.
        parameters: of the form.
        request: method, address and DPoP headers.
        now: when.
    """
    asked = await _asked(session, provider, authorization, parameters, request, now=now)
    if isinstance(asked, Refused):
        return asked
    return await _EXCHANGES[parameters.get("grant_type")](session, provider, asked, now)


async def for_itself(
    executor: Executor,
    provider: Provider,
    authorization: str,
    parameters: Parameters,
    request: dpop.Request,
    *,
    now: datetime,
) -> Issued | Refused:
    """Give a client a token for itself.

    Nothing is stored but that its proofs were used, each by a statement of its own: no transaction
    is needed.
    Source: RFC 6749 section 4.4.
    """
    asked = await _asked(executor, provider, authorization, parameters, request, now=now)
    if isinstance(asked, Refused):
        return asked
    if refused := first_refusal(MACHINE_CHECKS, asked):
        return refused
    scopes = asked.parameters.words("scope") or tuple(
        sorted(name for name in asked.client.scopes if not SCOPES[name].for_people)
    )
    client_id = asked.client.id
    token = access.mint(provider, client_id, client_id, scopes, bound_to=asked.key, now=now)
    return _answer(token, asked, scopes)


async def _asked(
    executor: Executor,
    provider: Provider,
    authorization: str,
    parameters: Parameters,
    request: dpop.Request,
    *,
    now: datetime,
) -> Asked | Refused:
    """The request of a client that proved itself and may ask in this way."""
    if refused := first_refusal(FORM_CHECKS, parameters):
        return refused
    client = await client_auth.authenticated(executor, provider, authorization, parameters, now=now)
    if isinstance(client, Refused):
        return client
    key = await dpop.proven_key(executor, request, now=now)
    if isinstance(key, Refused):
        return key
    asked = Asked(parameters, client, key)
    return first_refusal(TOKEN_CHECKS, asked) or asked


async def _redeem(
    session: AsyncSession, provider: Provider, asked: Asked, now: datetime
) -> Issued | Refused:
    """A code becomes tokens, once.

    Source: RFC 6749 sections 4.1.2 (a second use is denied and stops what the first brought).
    """
    code_hash = digest(asked.parameters.get("code"))
    row = (await session.execute(_code(code_hash))).one_or_none()
    if row is None:
        return _unknown()
    code, grant, account = row
    facts = CodeFacts(
        client_id=grant.client_id,
        redirect_uri=code.redirect_uri,
        challenge=code.challenge,
        bound_to=code.dpop_thumbprint,
        expires_at=code.expires_at,
        stands=_stands(grant, account),
    )
    refused = first_refusal(REDEEM_CHECKS, Redemption(asked, facts, now))
    if refused and code.consumed_at is None:
        return refused
    if grant.client_id != asked.client.id:
        return _unknown()
    consuming = (
        update(OidcCode)
        .where(OidcCode.code_hash == code_hash, OidcCode.consumed_at.is_(None))
        .values(consumed_at=now)
        .returning(OidcCode.grant_id)
    )
    if not await _won(session, consuming):
        return await _replayed(session, grant, asked, "code-replayed", now=now)
    return await _issue(session, provider, asked, grant, _all(grant), nonce=code.nonce, now=now)


async def _renew(
    session: AsyncSession, provider: Provider, asked: Asked, now: datetime
) -> Issued | Refused:
    """A refresh token becomes new tokens, once; its family ends when it comes again.

    Source: RFC 9700 section 4.14.2.
    """
    token_hash = digest(asked.parameters.get("refresh_token"))
    row = (await session.execute(_refresh(token_hash))).one_or_none()
    if row is None:
        return _unknown()
    token, grant, account = row
    facts = RefreshFacts(
        client_id=grant.client_id,
        bound_to=token.dpop_thumbprint,
        scopes=frozenset(grant.scopes),
        expires_at=grant.expires_at,
        stands=_stands(grant, account),
    )
    refused = first_refusal(REFRESH_CHECKS, Renewal(asked, facts, now))
    if refused and token.consumed_at is None:
        return refused
    if grant.client_id != asked.client.id:
        return _unknown()
    consuming = (
        update(OidcRefreshToken)
        .where(OidcRefreshToken.token_hash == token_hash, OidcRefreshToken.consumed_at.is_(None))
        .values(consumed_at=now)
        .returning(OidcRefreshToken.grant_id)
    )
    if not await _won(session, consuming):
        return await _replayed(session, grant, asked, "refresh-replayed", now=now)
    wanted = set(asked.parameters.words("scope")) or set(grant.scopes)
    scopes = tuple(name for name in grant.scopes if name in wanted)
    return await _issue(session, provider, asked, grant, scopes, nonce=None, now=now)


_EXCHANGES: Final[Mapping[str, _Exchange]] = {
    CODE: _redeem,
    REFRESH: _renew,
}


async def _issue(
    session: AsyncSession,
    provider: Provider,
    asked: Asked,
    grant: OidcGrant,
    scopes: tuple[str, ...],
    *,
    nonce: str | None,
    now: datetime,
) -> Issued:
    more = {
        "grant": str(grant.id),
        "auth_time": int(grant.signed_in_at.timestamp()),
        "acr": grant.acr,
    }
    token = access.mint(
        provider, asked.client.id, grant.subject, scopes, bound_to=asked.key, now=now, more=more
    )
    id_token = id_tokens.mint(
        provider, asked.client, grant, nonce=nonce, access_token=token, now=now
    )
    refresh = None
    if OFFLINE_ACCESS in grant.scopes and REFRESH in asked.client.grant_types:
        refresh = secrets.token_urlsafe(32)
        session.add(
            OidcRefreshToken(
                token_hash=digest(refresh),
                grant_id=grant.id,
                dpop_thumbprint=asked.key or None,
                created_at=now,
            )
        )
    return _answer(token, asked, scopes, id_token=id_token, refresh=refresh)


def _answer(
    token: str,
    asked: Asked,
    scopes: tuple[str, ...],
    *,
    id_token: str | None = None,
    refresh: str | None = None,
) -> Issued:
    return Issued(
        access_token=token,
        token_type="DPoP" if asked.key else "Bearer",
        expires_in=int(access.LIFE.total_seconds()),
        scope=" ".join(scopes),
        id_token=id_token,
        refresh_token=refresh,
    )


async def _replayed(
    session: AsyncSession, grant: OidcGrant, asked: Asked, because: str, *, now: datetime
) -> Refused:
    """Two have it, and one of them stole it: both lose it."""
    actor = asked.client.actor
    await grants.revoke(session, OidcGrant.id == grant.id, because, actor=actor, now=now)
    return _unknown()


async def _won(session: AsyncSession, consuming: ReturningUpdate[Any]) -> bool:
    return (await session.execute(consuming, **UNSYNCHRONISED)).one_or_none() is not None


def _code(code_hash: bytes) -> Select[OidcCode, OidcGrant, AccountState]:
    return (
        select(OidcCode, OidcGrant, Account.state)
        .join(OidcGrant, OidcGrant.id == OidcCode.grant_id)
        .join(Account, Account.id == OidcGrant.account_id)
        .where(OidcCode.code_hash == code_hash)
    )


def _refresh(token_hash: bytes) -> Select[OidcRefreshToken, OidcGrant, AccountState]:
    return (
        select(OidcRefreshToken, OidcGrant, Account.state)
        .join(OidcGrant, OidcGrant.id == OidcRefreshToken.grant_id)
        .join(Account, Account.id == OidcGrant.account_id)
        .where(OidcRefreshToken.token_hash == token_hash)
    )


def _stands(grant: OidcGrant, account: AccountState) -> bool:
    return grant.revoked_at is None and account is AccountState.ACTIVE


def _all(grant: OidcGrant) -> tuple[str, ...]:
    return tuple(grant.scopes)


def _unknown() -> Refused:
    return Refused("invalid_grant", "unknown, used, expired or of another client")
