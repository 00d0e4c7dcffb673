"""Access tokens: signed, for five minutes, and worthless once their grant or client is stopped.

Source: RFC 9068 (profile), RFC 9449 section 6 (binding), RFC 8725 (what is checked).
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, exists, select

from identity.executors import Executor
from identity.models import Account, AccountState
from identity.oidc import jose, spent
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.jose import Seen
from identity.oidc.models import OidcClient, OidcGrant, OidcSpentId, SpentKind
from identity.oidc.provider import Provider
from identity.oidc.signing import ES256

TYPE: Final = "at+jwt"
LIFE: Final = timedelta(minutes=5)
_ALGORITHMS: Final = frozenset({ES256})


# Asked at every use of a token, so built once: the name of the client while all of it stands.
_OF_A_CLIENT: Final = select(OidcClient.name).where(
    OidcClient.id == bindparam("client_id"),
    OidcClient.disabled_at.is_(None),
    ~exists().where(
        OidcSpentId.kind == SpentKind.ACCESS_TOKEN, OidcSpentId.digest == bindparam("spent")
    ),
)
_OF_A_RESIDENT: Final = (
    _OF_A_CLIENT.add_columns(OidcGrant.account_id)
    .join(OidcGrant, OidcGrant.client_id == OidcClient.id)
    .join(Account, Account.id == OidcGrant.account_id)
    .where(
        OidcGrant.id == bindparam("grant_id"),
        OidcGrant.revoked_at.is_(None),
        Account.state == AccountState.ACTIVE,
    )
)


class Access(msgspec.Struct, frozen=True):
    """A token that is in order now.

    Attributes:
        client_id: who it was given to.
        client_name: as residents read it.
        subject: the resident, as the client knows them, or the client itself.
        scopes: what it allows.
        account_id: of the resident; None for a client on its own behalf.
        bound_to: thumbprint of the key its holder must prove; empty when any bearer may use it.
        claims: everything in it.
    """

    client_id: str
    client_name: str
    subject: str
    scopes: tuple[str, ...]
    account_id: UUID | None
    bound_to: str
    claims: Mapping[str, Any]


def client_is_named(seen: Seen) -> Refused | None:
    """It says who it was given to."""
    client_id = seen.claims.get("client_id")
    named = isinstance(client_id, str) and client_id
    return None if named else Refused("invalid_token", "no client")


ACCESS_CHECKS: Final[tuple[Check[Seen], ...]] = (
    Check(jose.type_is_exact, "RFC 9068 4; RFC 8725 3.11"),
    Check(jose.algorithm_is_allowed, "RFC 8725 3.1"),
    Check(jose.nothing_is_critical, "RFC 7515 4.1.11"),
    Check(jose.key_is_known, "RFC 8725 3.8"),
    Check(jose.signature_verifies, "RFC 9068 4"),
    Check(jose.issuer_is_exact, "RFC 9068 4"),
    Check(jose.audience_is_exact, "RFC 9068 4; RFC 8725 3.9"),
    Check(jose.subject_is_text, "RFC 9068 2.2"),
    Check(jose.expiry_is_whole, "RFC 9068 2.2"),
    Check(jose.has_not_expired, "RFC 9068 4"),
    Check(jose.issue_time_is_past, "RFC 7519 4.1.5, 4.1.6"),
    Check(jose.id_is_text, "RFC 9068 2.2"),
    Check(client_is_named, "RFC 9068 2.2"),
)


def mint(
    provider: Provider,
    client_id: str,
    subject: str,
    scopes: tuple[str, ...],
    *,
    bound_to: str,
    now: datetime,
    more: Mapping[str, Any] | None = None,
) -> str:
    """A new access token. Times are whole seconds since 1970."""
    claims: dict[str, Any] = {
        "iss": provider.issuer,
        "aud": provider.issuer,
        "sub": subject,
        "client_id": client_id,
        "scope": " ".join(scopes),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFE).timestamp()),
        "jti": secrets.token_urlsafe(16),
        **(more or {}),
    }
    if bound_to:
        claims["cnf"] = {"jkt": bound_to}
    return provider.signer.sign(TYPE, claims)


async def accepted(
    session: Executor, provider: Provider, token: str, *, now: datetime
) -> Access | Refused:
    """What a token allows now. One statement asks whether its grant, client and account stand."""
    claims = read(provider, token, now=now)
    if isinstance(claims, Refused):
        return claims
    grant_id = _grant_id(claims)
    if isinstance(grant_id, Refused):
        return grant_id
    stands = await _standing(session, claims, grant_id)
    if stands is None:
        return Refused("invalid_token", "the token was revoked")
    return Access(
        client_id=claims["client_id"],
        client_name=stands[0],
        subject=claims["sub"],
        scopes=tuple(claims["scope"].split()),
        account_id=stands[1],
        bound_to=claims.get("cnf", {}).get("jkt", ""),
        claims=claims,
    )


def read(provider: Provider, token: str, *, now: datetime) -> Mapping[str, Any] | Refused:
    """The claims of a token of ours that has not expired; pure, and nothing about revocation."""
    verified = provider.signer.verified
    parsed = (verified.parsed(token) if token.isascii() else None) or jose.parse(token)
    if isinstance(parsed, Refused):
        return parsed
    seen = Seen(
        parsed,
        provider.signer.verifying_key(parsed),
        _ALGORITHMS,
        TYPE,
        provider.issuer,
        frozenset({provider.issuer}),
        now,
        verified,
    )
    return first_refusal(ACCESS_CHECKS, seen) or parsed.claims


async def revoke(session: Executor, claims: Mapping[str, Any]) -> None:
    """Stop one token before it ends."""
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    await spent.first_use(session, SpentKind.ACCESS_TOKEN, claims["jti"], expires_at=expires_at)


async def _standing(
    session: Executor, claims: Mapping[str, Any], grant_id: UUID | None
) -> tuple[str, UUID | None] | None:
    """Name of the client and the account, while both, the grant and the token may be used."""
    given = {"client_id": claims["client_id"], "spent": spent.digest(claims["jti"])}
    if grant_id is None:
        name = (await session.execute(_OF_A_CLIENT, given)).scalar_one_or_none()
        return None if name is None else (name, None)
    row = (await session.execute(_OF_A_RESIDENT, given | {"grant_id": grant_id})).one_or_none()
    return None if row is None else (row.name, row.account_id)


def _grant_id(claims: Mapping[str, Any]) -> UUID | Refused | None:
    """None: the token is a client's own, and says so by its subject."""
    if "grant" not in claims:
        own = claims["sub"] == claims["client_id"]
        return None if own else Refused("invalid_token", "the token has no grant")
    return UUID(claims["grant"])
