"""What a terminal gives to a partner's system for a card it has just read: a signed token.

It names the record by service and place in the status list, and nothing that is the same at another
partner's: no number, no chip. The partner sends it to the server within :data:`LIFETIME`.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from readers.contract.record import Index
from readers.contract.services import Service
from readers.contract.tokens import sign_token, verify_token
from readers.errors import TokenRefused

TYPE: Final = "kentcard-tap+jwt"
AUDIENCE: Final = "kentcard-partners"
LIFETIME: Final = timedelta(seconds=60)
MAX_BYTES: Final = 2048
_ID_BYTES: Final = 12


class TapToken(msgspec.Struct, frozen=True):
    """A token that was verified.

    Attributes:
        sub: id of the terminal.
        service, index: the record that was read.
        jti: tells this tap from every other.
        iat, exp: whole seconds since 1970.
    """

    sub: str
    service: Service
    index: Index
    jti: Annotated[str, Meta(min_length=1, max_length=40)]
    iat: int
    exp: int


def ends(now: datetime) -> datetime:
    """From when the token of a card that was read at `now` is worth nothing; a whole second."""
    return now.replace(microsecond=0) + LIFETIME


def make(
    terminal_id: str,
    service: Service,
    status_index: int,
    *,
    sign: Callable[[bytes], bytes],
    now: datetime,
) -> str:
    """The token for a record whose tap was accepted.

    Args:
        terminal_id: as the server knows the terminal.
        service: of the record.
        status_index: of the record.
        sign: Ed25519 by the terminal's key.
        now: when the card was read.
    """
    claims: dict[str, Any] = {
        "sub": terminal_id,
        "aud": AUDIENCE,
        "service": service.value,
        "index": status_index,
        "jti": secrets.token_urlsafe(_ID_BYTES),
        "iat": int(now.timestamp()),
        "exp": int(ends(now).timestamp()),
    }
    return sign_token(TYPE, claims, key_id=terminal_id, sign=sign)


def verify(token: str, key: Ed25519PublicKey, *, now: datetime) -> TapToken:
    """The token, if that terminal made it within the last minute.

    Raises:
        TokenRefused: with a text for the log that says which check failed.
    """
    claims = verify_token(token, TYPE, key, now=now, audience=AUDIENCE, max_bytes=MAX_BYTES)
    try:
        found = msgspec.convert(claims, TapToken)
    except msgspec.ValidationError as error:
        raise TokenRefused(f"a tap token with claims that are none: {error}") from error
    if found.exp - found.iat > LIFETIME.total_seconds():
        raise TokenRefused("a tap token that lives longer than it may")
    return found
