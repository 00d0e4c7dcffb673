"""Signed tokens of our own: terminal requests, bundles, status lists.

EdDSA JWTs with an exact ``typ``, checked against the caller's ``now``, never the machine's clock.

Source: RFC 7519, RFC 8725 (explicit typing, one algorithm), RFC 8037 (EdDSA).
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from readers.errors import SignatureWrong, TokenRefused

BUNDLE_TYPE: Final = "kentcard-bundle+jwt"
REQUEST_TYPE: Final = "kentcard-terminal+jwt"
REQUEST_AUDIENCE: Final = "kentcard"
REQUEST_LIFETIME: Final = timedelta(seconds=60)
SKEW: Final = timedelta(seconds=60)
"""How far the clocks of two machines may differ before a token is refused."""
MAX_REQUEST_BYTES: Final = 8 * 1024


def sign_token(
    typ: str, claims: Mapping[str, Any], *, key_id: str, sign: Callable[[bytes], bytes]
) -> str:
    """A compact EdDSA JWS; ``sign`` may happen inside a hardware token.

    Args:
        typ: the exact media type without ``application/``.
        claims: JSON-able; times already as whole seconds.
        key_id: the ``kid`` header.
        sign: Ed25519 over the bytes it is given.
    """
    header = {"alg": "EdDSA", "kid": key_id, "typ": typ}
    signing_input = f"{_part(header)}.{_part(claims)}"
    return f"{signing_input}.{_b64(sign(signing_input.encode()))}"


def key_id_of(token: str) -> str:
    """The ``kid`` a token claims, to choose a key by; nothing is verified yet.

    Raises:
        TokenRefused: if the header cannot be read or names no key.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError as error:
        raise TokenRefused("the token cannot be read") from error
    if not isinstance(key_id, str) or not key_id:
        raise TokenRefused("the token names no key")
    return key_id


def verify_token(
    token: str,
    typ: str,
    key: Ed25519PublicKey,
    *,
    now: datetime,
    audience: str | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """The claims of a token signed by ``key``, of exactly this type and not expired at ``now``.

    ``iat`` may lie at most :data:`SKEW` ahead of ``now``.

    Raises:
        TokenRefused: with a text for the log that says which check failed.
    """
    claims = verify_signature(token, typ, key, audience=audience, max_bytes=max_bytes)
    check_times(claims, now)
    return claims


def verify_signature(
    token: str,
    typ: str,
    key: Ed25519PublicKey,
    *,
    audience: str | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """The claims of a token signed by ``key`` and of exactly this type, at whatever time.

    For what is kept on disk and must be told apart later: *not ours* or *ours and too old*. Whoever
    acts on the claims calls :func:`check_times`. ``iat`` and ``exp`` are whole numbers.

    Raises:
        TokenRefused: with a text for the log that says which check failed.
    """
    if max_bytes is not None and len(token) > max_bytes:
        raise TokenRefused(f"a token of {len(token)} bytes is larger than {max_bytes}")
    options: Any = {
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_sub": False,
        "verify_aud": audience is not None,
        "strict_aud": audience is not None,
        "require": ["iat", "exp"],
    }
    try:
        whole = jwt.decode_complete(
            token, key, algorithms=["EdDSA"], audience=audience, options=options
        )
    except jwt.InvalidSignatureError as error:
        raise SignatureWrong(f"{type(error).__name__}: {error}") from error
    except jwt.InvalidTokenError as error:
        raise TokenRefused(f"{type(error).__name__}: {error}") from error
    if whole["header"].get("typ") != typ:
        raise TokenRefused(f"a token of type {whole['header'].get('typ')!r}, not {typ!r}")
    claims: dict[str, Any] = whole["payload"]
    for name in ("iat", "exp"):
        if not isinstance(claims[name], int) or isinstance(claims[name], bool):
            raise TokenRefused("iat and exp must be whole numbers of seconds")
    return claims


def check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Refuse claims that have expired at ``now``, or were issued after it (beyond :data:`SKEW`).

    Raises:
        TokenRefused: with a text for the log that says which.
    """
    issued, expires = claims["iat"], claims["exp"]
    if expires <= now.timestamp():
        raise TokenRefused("the token has expired")
    if issued > (now + SKEW).timestamp():
        raise TokenRefused("the token was issued in the future: one of the two clocks is wrong")


def _part(content: Mapping[str, Any]) -> str:
    return _b64(json.dumps(content, separators=(",", ":")).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
