"""Proofs that whoever sends a token holds the key it is bound to.

Source: RFC 9449.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from identity.executors import Executor
from identity.oidc import jose, spent
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.jose import Parsed, Seen
from identity.oidc.models import SpentKind

ALGORITHMS: Final = frozenset({"ES256", "EdDSA"})
TYPE: Final = "dpop+jwt"


class Proof(msgspec.Struct, frozen=True):
    """A proof and the request it should be for.

    Attributes:
        seen: the proof.
        method: of the request.
        url: of the endpoint, as clients know it.
        access_token: that came with it; None at the token endpoint.
    """

    seen: Seen
    method: str
    url: str
    access_token: str | None

    @property
    def jwk(self) -> Mapping[str, Any]:
        """The key that the proof carries; its thumbprint is what tokens are bound to."""
        jwk = self.seen.parsed.header.get("jwk")
        return jwk if isinstance(jwk, dict) else {}


class Request(msgspec.Struct, frozen=True):
    """The parts of a request that a proof speaks of; `proofs` are the values of its header."""

    method: str
    url: str
    proofs: Sequence[str] = ()


def type_is_dpop(proof: Proof) -> Refused | None:
    """No other token is taken for a proof."""
    return jose.type_is_exact(proof.seen)


def algorithm_is_asymmetric(proof: Proof) -> Refused | None:
    """One of the algorithms in the metadata."""
    return jose.algorithm_is_allowed(proof.seen)


def header_is_understood(proof: Proof) -> Refused | None:
    """No critical extension."""
    return jose.nothing_is_critical(proof.seen)


def key_is_public(proof: Proof) -> Refused | None:
    """The header carries a public key and nothing of the private one."""
    if jose.PRIVATE_MEMBERS & set(proof.jwk) or proof.seen.key is None:
        return _bad("the header carries no public key")
    return None


def proof_is_signed_by_its_key(proof: Proof) -> Refused | None:
    """Whoever made the proof holds the private half."""
    return jose.signature_verifies(proof.seen)


def proof_has_an_id(proof: Proof) -> Refused | None:
    """So that it is taken once."""
    return jose.id_is_text(proof.seen)


def method_is_of_this_request(proof: Proof) -> Refused | None:
    """`htm` is the method."""
    same = proof.seen.claims.get("htm") == proof.method
    return None if same else _bad("the proof is for another method")


def address_is_of_this_request(proof: Proof) -> Refused | None:
    """`htu` is the address, without query and fragment."""
    address = proof.seen.claims.get("htu")
    same = isinstance(address, str) and _bare(address) == _bare(proof.url)
    return None if same else _bad("the proof is for another address")


def proof_is_fresh(proof: Proof) -> Refused | None:
    """Made within a minute of now."""
    made = proof.seen.moment("iat")
    near = made is not None and abs(proof.seen.now.timestamp() - made) <= jose.SKEW.seconds
    return None if near else _bad("the proof is too old or too new")


def proof_is_for_this_token(proof: Proof) -> Refused | None:
    """`ath` is the hash of the access token that came along."""
    if proof.access_token is None:
        return None
    expected = jose.encoded(sha256(proof.access_token.encode()).digest())
    same = proof.seen.claims.get("ath") == expected
    return None if same else _bad("the proof is for another access token")


PROOF_CHECKS: Final[tuple[Check[Proof], ...]] = (
    Check(type_is_dpop, "RFC 9449 4.3 (4)"),
    Check(algorithm_is_asymmetric, "RFC 9449 4.3 (5)"),
    Check(header_is_understood, "RFC 7515 4.1.11"),
    Check(key_is_public, "RFC 9449 4.3 (7)"),
    Check(proof_is_signed_by_its_key, "RFC 9449 4.3 (6)"),
    Check(proof_has_an_id, "RFC 9449 4.3 (3)"),
    Check(method_is_of_this_request, "RFC 9449 4.3 (8)"),
    Check(address_is_of_this_request, "RFC 9449 4.3 (9)"),
    Check(proof_is_fresh, "RFC 9449 4.3 (11)"),
    Check(proof_is_for_this_token, "RFC 9449 4.3 (12)"),
)


async def proven_key(
    session: Executor, request: Request, *, access_token: str | None = None, now: datetime
) -> str | Refused:
    """The thumbprint of the key the sender proved to hold; empty when no proof was sent.

    Source: RFC 9449 section 4.3, (1) for more than one header and section 11.1 for replay.
    """
    if not request.proofs:
        return ""
    if len(request.proofs) > 1:
        return _bad("more than one proof")
    parsed = jose.parse(request.proofs[0])
    if isinstance(parsed, Refused):
        return _bad(parsed.description)
    proof = proof_of(parsed, request, access_token=access_token, now=now)
    if refused := first_refusal(PROOF_CHECKS, proof):
        return msgspec.structs.replace(refused, error="invalid_dpop_proof")
    key = jose.thumbprint(proof.jwk)
    identifier = f"{key} {proof.seen.claims['jti']}"
    fresh = await spent.first_use(
        session, SpentKind.DPOP, identifier, expires_at=now + 2 * jose.SKEW
    )
    return key if fresh else _bad("the proof was used before")


def proof_of(parsed: Parsed, request: Request, *, access_token: str | None, now: datetime) -> Proof:
    """A proof, ready to be judged. Here alone the key is the one in the header, as defined."""
    jwk = parsed.header.get("jwk")
    key = jose.key_of(jwk, parsed.header.get("alg")) if isinstance(jwk, dict) else None
    seen = Seen(parsed, key, ALGORITHMS, TYPE, "", frozenset(), now)
    return Proof(seen, request.method, request.url, access_token)


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    default = {"https": ":443", "http": ":80"}.get(parts.scheme.lower(), ":")
    host = parts.netloc.lower().removesuffix(default)
    return f"{parts.scheme.lower()}://{host}{parts.path}"


def _bad(why: str) -> Refused:
    return Refused("invalid_dpop_proof", why)
