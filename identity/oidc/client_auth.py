"""Who is the client at an endpoint: exactly one proof, the one it was registered for."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from jwt import PyJWK

from identity.executors import Executor
from identity.oidc import clients, jose, spent
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.clients import Client
from identity.oidc.jose import Parsed, Seen
from identity.oidc.models import ClientAuth, SpentKind
from identity.oidc.parameters import Parameters
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.registration import ASSERTION_ALGORITHMS
from identity.oidc.spent import digest

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE: Final = timedelta(hours=1)
_TYPES: Final = frozenset({None, "JWT", "client-authentication+jwt"})
_BASIC: Final = "basic "


class Presented(msgspec.Struct, frozen=True):
    """What a request brings to prove who sent it.

    Attributes:
        ways: the ways of proof that were used; none of them means a public client.
        client_id: whom the sender says to be; empty when that is unclear or contradictory.
        secret: from the Authorization header.
        assertion: taken apart; None when there is none that can be read.
    """

    ways: frozenset[str]
    client_id: str
    secret: str = ""
    assertion: Parsed | None = None
    assertion_type: str = ""


class Attempt(msgspec.Struct, frozen=True, dict=True):
    """A proof and the client it should be of."""

    presented: Presented
    client: Client | None
    audiences: frozenset[str]
    now: datetime

    @cached_property
    def seen(self) -> Seen | None:
        """The assertion, as the checks of tokens see it."""
        parsed, client = self.presented.assertion, self.client
        if parsed is None or client is None:
            return None
        key = _key(client, parsed)
        issuer = client.id
        return Seen(parsed, key, ASSERTION_ALGORITHMS, "JWT", issuer, self.audiences, self.now)


def one_proof_is_used(attempt: Attempt) -> Refused | None:
    """Two proofs at once mean somebody is confused, or wants us to be."""
    several = len(attempt.presented.ways) > 1
    return Refused("invalid_request", "more than one way to prove the client") if several else None


def client_is_known(attempt: Attempt) -> Refused | None:
    """Staff registered it."""
    return _unknown() if attempt.client is None else None


def client_is_in_use(attempt: Attempt) -> Refused | None:
    """And did not stop it."""
    return _unknown() if attempt.client is not None and attempt.client.disabled else None


def proof_is_the_registered_one(attempt: Attempt) -> Refused | None:
    """A stolen identifier does not become a weaker kind of client."""
    if attempt.client is None:
        return None
    expected = attempt.client.auth.value
    ways = attempt.presented.ways or {ClientAuth.NONE.value}
    return None if ways == {expected} else _bad(f"this client proves itself by {expected}")


def secret_is_right(attempt: Attempt) -> Refused | None:
    """Compared in the same time whatever it is."""
    client = attempt.client
    if client is None or client.secret_hash is None:
        return None
    same = hmac.compare_digest(client.secret_hash, digest(attempt.presented.secret))
    return None if same else _unknown()


def assertion_can_be_read(attempt: Attempt) -> Refused | None:
    """A client that signs sent an assertion of the right type."""
    presented = attempt.presented
    if ClientAuth.PRIVATE_KEY_JWT.value not in presented.ways:
        return None
    readable = presented.assertion is not None and presented.assertion_type == ASSERTION_TYPE
    return None if readable else _bad("the client assertion cannot be read")


def assertion_is_no_other_token(attempt: Attempt) -> Refused | None:
    """A client signs DPoP proofs too; none of them stands for an assertion."""
    parsed = attempt.presented.assertion
    typ = parsed.header.get("typ") if parsed else None
    fits = typ is None or (isinstance(typ, str) and typ in _TYPES)
    return None if fits else _bad("wrong type of client assertion")


def assertion_algorithm_is_allowed(attempt: Attempt) -> Refused | None:
    """An asymmetric one."""
    return _of_token(attempt, jose.algorithm_is_allowed)


def assertion_is_understood(attempt: Attempt) -> Refused | None:
    """No critical extension."""
    return _of_token(attempt, jose.nothing_is_critical)


def assertion_key_is_registered(attempt: Attempt) -> Refused | None:
    """The key is one of the client's, given to us by staff."""
    return _of_token(attempt, jose.key_is_known)


def assertion_is_signed(attempt: Attempt) -> Refused | None:
    """By that key."""
    return _of_token(attempt, jose.signature_verifies)


def assertion_is_by_the_client(attempt: Attempt) -> Refused | None:
    """`iss` is the client."""
    return _of_token(attempt, jose.issuer_is_exact)


def assertion_is_about_the_client(attempt: Attempt) -> Refused | None:
    """`sub` is the client."""
    seen = attempt.seen
    same = seen is None or seen.claims.get("sub") == seen.issuer
    return None if same else _bad("the assertion is about somebody else")


def assertion_is_for_us(attempt: Attempt) -> Refused | None:
    """`aud` is the issuer or the token endpoint, as one text: no other server may reuse it."""
    return _of_token(attempt, jose.audience_is_exact)


def assertion_says_when_it_ends(attempt: Attempt) -> Refused | None:
    """`exp`, within an hour of now: ids are remembered no longer."""
    seen = attempt.seen
    if seen is None:
        return None
    expiry = seen.moment("exp")
    soon = expiry is not None and expiry <= (attempt.now + LONGEST_LIFE).timestamp()
    return None if soon else _bad("the assertion must end within an hour")


def assertion_has_not_ended(attempt: Attempt) -> Refused | None:
    """It is still valid."""
    return _of_token(attempt, jose.has_not_expired)


def assertion_is_not_early(attempt: Attempt) -> Refused | None:
    """It was not made in the future."""
    return _of_token(attempt, jose.issue_time_is_past)


def assertion_has_an_id(attempt: Attempt) -> Refused | None:
    """So that it is taken once."""
    return _of_token(attempt, jose.id_is_text)


_OF_ANYBODY: Final[tuple[Check[Attempt], ...]] = (
    Check(one_proof_is_used, "RFC 6749 2.3"),
    Check(client_is_known, "RFC 6749 3.2.1"),
    Check(client_is_in_use, "RFC 6749 3.2.1"),
    Check(proof_is_the_registered_one, "OpenID Connect Core 1.0 9"),
    Check(secret_is_right, "RFC 6749 2.3.1"),
)
_OF_WHO_SIGNS: Final[tuple[Check[Attempt], ...]] = (
    Check(assertion_can_be_read, "RFC 7521 4.2"),
    Check(assertion_is_no_other_token, "RFC 8725 3.11"),
    Check(assertion_algorithm_is_allowed, "RFC 8725 3.1"),
    Check(assertion_is_understood, "RFC 7515 4.1.11"),
    Check(assertion_key_is_registered, "RFC 7523 3 (9)"),
    Check(assertion_is_signed, "RFC 7523 3 (9)"),
    Check(assertion_is_by_the_client, "RFC 7523 3 (1)"),
    Check(assertion_is_about_the_client, "RFC 7523 3 (2)"),
    Check(assertion_is_for_us, "RFC 7523 3 (3)"),
    Check(assertion_says_when_it_ends, "RFC 7523 3 (4)"),
    Check(assertion_has_not_ended, "RFC 7523 3 (4)"),
    Check(assertion_is_not_early, "RFC 7523 3 (5), (6)"),
    Check(assertion_has_an_id, "OpenID Connect Core 1.0 9, jti"),
)
CLIENT_CHECKS: Final[tuple[Check[Attempt], ...]] = (*_OF_ANYBODY, *_OF_WHO_SIGNS)


async def authenticated(
    session: Executor,
    provider: Provider,
    authorization: str,
    parameters: Parameters,
    *,
    now: datetime,
) -> Client | Refused:
    """The client that sent a request.

    Args:
        session: the caller's transaction.
        provider: who the assertion should be for.
        authorization: the header, or empty text.
        parameters: of the form.
        now: when.
    """
    presented = read(authorization, parameters)
    client = await clients.find(session, presented.client_id) if presented.client_id else None
    audiences = frozenset({provider.issuer, provider.url(Endpoint.TOKEN)})
    attempt = Attempt(presented, client, audiences, now)
    signs = ClientAuth.PRIVATE_KEY_JWT.value in presented.ways
    if refused := first_refusal(CLIENT_CHECKS if signs else _OF_ANYBODY, attempt):
        code = refused.error if refused.error == "invalid_request" else "invalid_client"
        return msgspec.structs.replace(refused, error=code)
    if client is None:
        return _unknown()
    if presented.assertion and not await _first_use(session, client, presented.assertion.claims):
        return _bad("the assertion was used before")
    return client


def read(authorization: str, parameters: Parameters) -> Presented:
    """What a request brings, without judging it."""
    named = parameters.get("client_id")
    ways = set()
    if parameters.get("client_secret"):
        ways.add("client_secret_post")
    basic = _basic(authorization)
    if basic is not None:
        ways.add(ClientAuth.CLIENT_SECRET_BASIC.value)
        named = _agreed(named, basic[0])
    text = parameters.get("client_assertion")
    parsed = jose.parse(text) if text else None
    assertion = parsed if isinstance(parsed, Parsed) else None
    if text:
        ways.add(ClientAuth.PRIVATE_KEY_JWT.value)
        issuer = assertion.claims.get("iss") if assertion else None
        named = _agreed(named, issuer if isinstance(issuer, str) else "")
    kind = parameters.get("client_assertion_type")
    return Presented(frozenset(ways), named, basic[1] if basic else "", assertion, kind)


async def _first_use(session: Executor, client: Client, claims: Mapping[str, Any]) -> bool:
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    identifier = f"{client.id} {claims['jti']}"
    return await spent.first_use(session, SpentKind.ASSERTION, identifier, expires_at=expires_at)


def _agreed(named: str, proven: str) -> str:
    """One name, said once or twice; two names are nobody's."""
    return proven if named in {"", proven} else ""


def _basic(authorization: str) -> tuple[str, str] | None:
    """Client id and secret; None when there is no such header.

    Source: RFC 6749 section 2.3.1: each half is form-encoded before RFC 7617 joins them.
    """
    if not authorization.lower().startswith(_BASIC):
        return None
    try:
        text = base64.b64decode(authorization[len(_BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    client_id, _, secret = text.partition(":")
    if "%" in text or "+" in text:  # never in what we give out
        return unquote_plus(client_id), unquote_plus(secret)
    return client_id, secret


def _key(client: Client, parsed: Parsed) -> PyJWK | None:
    """The client's key that the assertion names; without a name, its only key."""
    name = parsed.header.get("kid")
    fitting = [jwk for jwk in client.keys if name is None or jwk.get("kid") == name]
    return jose.key_of(fitting[0], parsed.header.get("alg")) if len(fitting) == 1 else None


def _of_token(attempt: Attempt, judge: Callable[[Seen], Refused | None]) -> Refused | None:
    seen = attempt.seen
    refused = judge(seen) if seen is not None else None
    return _bad(f"client assertion: {refused.description}") if refused else None


def _unknown() -> Refused:
    """The same words for an unknown client and a wrong secret."""
    return _bad("the client is unknown or its proof is wrong")


def _bad(why: str) -> Refused:
    return Refused("invalid_client", why)
