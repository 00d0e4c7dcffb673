"""Reading signed tokens strictly, and the checks that tokens of several kinds share.

A key named or carried by the token's own header is never trusted: the caller finds the key.
Source: RFC 7515, RFC 7519, RFC 8725 (explicit types, one algorithm, no surprises).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from identity.oidc.checks import Refused

LARGEST_TOKEN: Final = 8 * 1024
SKEW: Final = timedelta(seconds=60)
"""How far the clock of another machine may be ahead of ours."""
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that only its owner may know."""
_PARTS: Final = 3
_LATEST: Final = 100_000_000_000
_THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
_KEYS_KEPT: Final = 256


class Parsed(msgspec.Struct, frozen=True):
    """A token taken apart; nothing in it is believed yet, and nobody changes it."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


class Verified:
    """The newest tokens of our own whose signature was right: it stays right, and so do its parts.

    Everything that is judged about them is looked at each time, and the database asked whether they
    stand. They are known by their digests: nobody takes a token that works from here.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._parsed: dict[bytes, Parsed] = {}

    def parsed(self, token: str) -> Parsed | None:
        """The token taken apart, when it is one of them."""
        return self._parsed.get(_digest(token))

    def holds(self, parsed: Parsed) -> bool:
        """Whether it is one of them: this very reading of it, so that its signature is of it."""
        return self._parsed.get(_digest(parsed.token)) is parsed

    def add(self, parsed: Parsed) -> None:
        """Keep it; the oldest goes when there are too many."""
        if len(self._parsed) >= self._most:
            del self._parsed[next(iter(self._parsed))]
        self._parsed[_digest(parsed.token)] = parsed


class Seen(msgspec.Struct, frozen=True):
    """A token and what it is judged by.

    Attributes:
        parsed: the token.
        key: the key the caller found for it; None when there is none.
        algorithms: what it may be signed with.
        type: the exact `typ` it must have.
        issuer: the exact `iss` it must have.
        audiences: the values `aud` may have, one of them, as plain text.
        now: when.
        verified: those tokens of the same signers whose signature need not be looked at again.
    """

    parsed: Parsed
    key: PyJWK | None
    algorithms: frozenset[str]
    type: str
    issuer: str
    audiences: frozenset[str]
    now: datetime
    verified: Verified | None = None

    @property
    def claims(self) -> Mapping[str, Any]:
        """The payload."""
        return self.parsed.claims

    def moment(self, name: str) -> int | None:
        """A claim that is a whole number of seconds within reason; None for anything else."""
        value = self.claims.get(name)
        whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST
        return value if whole else None


def parse(token: str) -> Parsed | Refused:
    """Take a token apart: at most 8 KiB, three parts, two JSON objects without repeated names.

    Source: RFC 7515 section 7.1; RFC 8259 section 4 (names unique); RFC 7515 section 4.
    """
    if len(token) > LARGEST_TOKEN or not token.isascii():
        return _bad("the token is too large or not ASCII")
    parts = token.split(".")
    if len(parts) != _PARTS or not all(parts):
        return _bad("the token is not a signed JWT")
    try:
        header, claims = (_object(part) for part in parts[:2])
        _bytes(parts[2])
    except (ValueError, RecursionError):
        return _bad("the token cannot be read")
    return Parsed(token, header, claims)


def key_of(jwk: Mapping[str, Any], algorithm: object) -> PyJWK | None:
    """The key to verify one algorithm with; None when the JWK does not fit it."""
    if not isinstance(algorithm, str):
        return None
    plain = all(type(value) is str for value in jwk.values())
    try:
        return _key_of(tuple(jwk.items()), algorithm) if plain else _read_key(jwk, algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


@lru_cache(maxsize=_KEYS_KEPT)
def _key_of(members: tuple[tuple[str, str], ...], algorithm: str) -> PyJWK:
    """Parsed once: that costs as much as verifying with it."""
    return _read_key(dict(members), algorithm)


def _read_key(jwk: Mapping[str, Any], algorithm: str) -> PyJWK:
    return PyJWK(dict(jwk), algorithm=algorithm)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The name of a public key that nobody can choose.

    Source: RFC 7638 section 3.
    """
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return encoded(sha256(canonical.encode()).digest())


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def type_is_exact(seen: Seen) -> Refused | None:
    """No token of one kind stands for one of another."""
    return None if seen.parsed.header.get("typ") == seen.type else _bad("wrong type of token")


def algorithm_is_allowed(seen: Seen) -> Refused | None:
    """The algorithm is one that we chose, never one the token brings."""
    algorithm = seen.parsed.header.get("alg")
    known = isinstance(algorithm, str) and algorithm in seen.algorithms
    return None if known else _bad("algorithm not accepted")


def nothing_is_critical(seen: Seen) -> Refused | None:
    """We understand no extension of the header, so none may be critical."""
    extended = {"crit", "b64"} & set(seen.parsed.header)
    return _bad("unknown critical header") if extended else None


def key_is_known(seen: Seen) -> Refused | None:
    """The key is among those we hold for whoever should have signed."""
    return _bad("no such key") if seen.key is None else None


def signature_verifies(seen: Seen) -> Refused | None:
    """The signature is of that key over exactly this token."""
    if refused := algorithm_is_allowed(seen) or nothing_is_critical(seen) or key_is_known(seen):
        return refused
    token = seen.parsed.token
    if seen.verified is not None and seen.verified.holds(seen.parsed):
        return None
    if not _is_signed(token, seen.key, seen.parsed.header["alg"]):
        return _bad("signature does not verify")
    if seen.verified is not None:
        seen.verified.add(seen.parsed)
    return None


def issuer_is_exact(seen: Seen) -> Refused | None:
    """It was made by whoever should have made it."""
    return None if seen.claims.get("iss") == seen.issuer else _bad("wrong issuer")


def audience_is_exact(seen: Seen) -> Refused | None:
    """It was made for us alone: text, not a list with others in it."""
    audience = seen.claims.get("aud")
    ours = isinstance(audience, str) and audience in seen.audiences
    return None if ours else _bad("wrong audience")


def subject_is_text(seen: Seen) -> Refused | None:
    """It is about somebody."""
    subject = seen.claims.get("sub")
    return None if isinstance(subject, str) and subject else _bad("no subject")


def expiry_is_whole(seen: Seen) -> Refused | None:
    """It says when it ends, as a whole number of seconds."""
    return _bad("no usable expiry") if seen.moment("exp") is None else None


def has_not_expired(seen: Seen) -> Refused | None:
    """It has not ended."""
    expiry = seen.moment("exp")
    over = expiry is not None and expiry <= seen.now.timestamp()
    return _bad("expired") if over else None


def issue_time_is_past(seen: Seen) -> Refused | None:
    """It was made before now; `nbf`, if any, has come."""
    latest = (seen.now + SKEW).timestamp()
    for name in ("iat", "nbf"):
        moment = seen.moment(name)
        if name in seen.claims and (moment is None or moment > latest):
            return _bad("issued in the future")
    return None


def id_is_text(seen: Seen) -> Refused | None:
    """It has an id by which a second use is noticed."""
    token_id = seen.claims.get("jti")
    return None if isinstance(token_id, str) and token_id else _bad("no id")


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _is_signed(token: str, key: PyJWK | None, algorithm: str) -> bool:
    """By the key's own algorithm, which the token must name."""
    if key is None or key.algorithm_name != algorithm:
        return False
    signing_input, _, signature = token.rpartition(".")
    try:
        return key.Algorithm.verify(signing_input.encode(), key.key, _bytes(signature))
    except (PyJWTError, ValueError, TypeError):
        return False


def _object(part: str) -> dict[str, Any]:
    content = _JSON.decode(_bytes(part).decode())
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004  (of the text, as every fault here)
    return content


def _bytes(part: str) -> bytes:
    """Decode exactly one spelling of base64url: no padding, no stray bits, no other letters."""
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(part) from error
    if encoded(data) != part:
        raise ValueError(part)
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name is repeated")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(name)


_JSON: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _bad(why: str) -> Refused:
    return Refused("invalid_token", why)
