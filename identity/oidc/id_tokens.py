"""ID tokens: who signed in, when and how; never anything about them.

Source: OpenID Connect Core 1.0 sections 2, 3.1.3.6 and 5.4 (claims are in the userinfo answer).
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from identity.oidc import jose
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.clients import Client
from identity.oidc.jose import Seen
from identity.oidc.models import OidcGrant
from identity.oidc.provider import Provider
from identity.oidc.signing import PURPOSES

TYPE: Final = "JWT"
LIFE: Final = timedelta(minutes=5)
_NO_TIME: Final = datetime.fromtimestamp(0, UTC)  # a hint is judged at no time


class Hinted(msgspec.Struct, frozen=True):
    """Whom an old ID token of ours was about: subject, client and session."""

    subject: str
    client_id: str
    sid: str


def audience_is_a_client(seen: Seen) -> Refused | None:
    """It was made for one client."""
    audience = seen.claims.get("aud")
    one = isinstance(audience, str) and audience
    return None if one else Refused("invalid_token", "no audience")


HINT_CHECKS: Final[tuple[Check[Seen], ...]] = (
    Check(jose.type_is_exact, "RFC 8725 3.11"),
    Check(jose.algorithm_is_allowed, "RFC 8725 3.1"),
    Check(jose.nothing_is_critical, "RFC 7515 4.1.11"),
    Check(jose.key_is_known, "RFC 8725 3.8"),
    Check(jose.signature_verifies, "OpenID Connect Core 1.0 3.1.2.1, id_token_hint"),
    Check(jose.issuer_is_exact, "OpenID Connect RP-Initiated Logout 1.0 2"),
    Check(audience_is_a_client, "OpenID Connect Core 1.0 2, aud"),
    Check(jose.subject_is_text, "OpenID Connect Core 1.0 2, sub"),
)
"""One that has expired still hints at somebody."""


def mint(
    provider: Provider,
    client: Client,
    grant: OidcGrant,
    *,
    nonce: str | None,
    access_token: str,
    now: datetime,
) -> str:
    """An ID token for a grant."""
    half = sha256(access_token.encode()).digest()[:16]
    claims = {
        "iss": provider.issuer,
        "sub": grant.subject,
        "aud": client.id,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFE).timestamp()),
        "auth_time": int(grant.signed_in_at.timestamp()),
        "acr": grant.acr,
        "amr": grant.amr,
        "sid": grant.sid,
        "at_hash": jose.encoded(half),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return provider.signer.sign(TYPE, claims, algorithm=client.id_token_alg)


def read_hint(provider: Provider, token: str) -> Hinted | None:
    """Whom a hint is about; None when it is not an ID token of ours."""
    parsed = jose.parse(token)
    if isinstance(parsed, Refused):
        return None
    key = provider.signer.verifying_key(parsed)
    algorithms = frozenset(PURPOSES)
    seen = Seen(parsed, key, algorithms, TYPE, provider.issuer, frozenset(), _NO_TIME)
    if first_refusal(HINT_CHECKS, seen):
        return None
    claims = parsed.claims
    return Hinted(claims["sub"], claims["aud"], str(claims.get("sid", "")))
