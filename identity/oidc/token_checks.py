"""What is looked at before a token is given out: tables for each way to ask for one."""

import hmac
import re
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from identity.oidc.checks import Check, Refused
from identity.oidc.clients import Client
from identity.oidc.jose import encoded
from identity.oidc.parameters import Parameters
from identity.oidc.registration import GRANT_TYPES
from identity.oidc.scopes import SCOPES

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


class Asked(msgspec.Struct, frozen=True):
    """A request for a token by a client that proved itself.

    Attributes:
        parameters: of the form.
        client: who asks.
        key: the thumbprint of the key it proved to hold; empty for none.
    """

    parameters: Parameters
    client: Client
    key: str


class CodeFacts(msgspec.Struct, frozen=True):
    """What is stored of a code and its grant."""

    client_id: str
    redirect_uri: str
    challenge: str | None
    bound_to: str | None
    expires_at: datetime
    stands: bool


class Redemption(msgspec.Struct, frozen=True):
    """A code that a client brings."""

    asked: Asked
    code: CodeFacts
    now: datetime


class RefreshFacts(msgspec.Struct, frozen=True):
    """What is stored of a refresh token and its grant."""

    client_id: str
    bound_to: str | None
    scopes: frozenset[str]
    expires_at: datetime
    stands: bool


class Renewal(msgspec.Struct, frozen=True):
    """A refresh token that a client brings."""

    asked: Asked
    token: RefreshFacts
    now: datetime


def nothing_is_repeated(form: Parameters) -> Refused | None:
    """Each parameter is said once."""
    return _bad("a parameter was sent twice") if form.repeated else None


def text_is_plain(form: Parameters) -> Refused | None:
    """A form of printable text of a sensible length."""
    return None if form.readable else _bad("not a form of printable text, or too long")


def grant_type_is_said(asked: Asked) -> Refused | None:
    """It says in which way it asks."""
    return None if asked.parameters.get("grant_type") else _bad("grant_type is missing")


def grant_type_is_known(asked: Asked) -> Refused | None:
    """One of three ways: passwords of residents are never taken from anybody."""
    if asked.parameters.get("grant_type") in {"", *GRANT_TYPES}:
        return None
    return Refused("unsupported_grant_type", f"one of {', '.join(GRANT_TYPES)}")


def grant_type_is_registered(asked: Asked) -> Refused | None:
    """The client was registered for that way."""
    kind = asked.parameters.get("grant_type")
    may = kind not in GRANT_TYPES or kind in asked.client.grant_types
    return None if may else Refused("unauthorized_client", "not registered for this grant_type")


def key_is_proven_where_agreed(asked: Asked) -> Refused | None:
    """A client registered for DPoP gets no token that a thief could use."""
    missing = asked.client.dpop_required and not asked.key
    return Refused("invalid_dpop_proof", "this client must send a DPoP proof") if missing else None


def code_is_of_this_client(redemption: Redemption) -> Refused | None:
    """A code is given to one client."""
    same = redemption.code.client_id == redemption.asked.client.id
    return None if same else _no_grant()


def code_has_not_expired(redemption: Redemption) -> Refused | None:
    """It lasts a minute."""
    return _no_grant() if redemption.code.expires_at <= redemption.now else None


def grant_of_code_stands(redemption: Redemption) -> Refused | None:
    """The resident did not withdraw, sign out or lose the account meanwhile."""
    return None if redemption.code.stands else _no_grant()


def return_address_is_the_same(redemption: Redemption) -> Refused | None:
    """As in the request that the code answers."""
    same = redemption.asked.parameters.get("redirect_uri") == redemption.code.redirect_uri
    return None if same else Refused("invalid_grant", "redirect_uri differs from the request")


def verifier_fits_challenge(redemption: Redemption) -> Refused | None:
    """Whoever asks made the request that the code answers."""
    challenge = redemption.code.challenge
    if challenge is None:
        return None
    verifier = redemption.asked.parameters.get("code_verifier")
    made = encoded(sha256(verifier.encode()).digest())
    fits = _VERIFIER.match(verifier) and hmac.compare_digest(made, challenge)
    return None if fits else Refused("invalid_grant", "code_verifier does not fit")


def verifier_answers_a_challenge(redemption: Redemption) -> Refused | None:
    """A verifier without a challenge: somebody took the challenge out of the request."""
    alone = redemption.code.challenge is None and redemption.asked.parameters.get("code_verifier")
    return Refused("invalid_grant", "the request had no code_challenge") if alone else None


def promised_key_is_proven(redemption: Redemption) -> Refused | None:
    """The key that the request named is the one that is proven."""
    bound = redemption.code.bound_to
    fits = bound is None or bound == redemption.asked.key
    return None if fits else Refused("invalid_dpop_proof", "the code is bound to another key")


def refresh_is_of_this_client(renewal: Renewal) -> Refused | None:
    """A refresh token is given to one client."""
    same = renewal.token.client_id == renewal.asked.client.id
    return None if same else _no_grant()


def grant_of_refresh_stands(renewal: Renewal) -> Refused | None:
    """The resident did not withdraw or lose the account meanwhile."""
    return None if renewal.token.stands else _no_grant()


def refresh_has_not_expired(renewal: Renewal) -> Refused | None:
    """However often it is renewed, a grant ends."""
    return _no_grant() if renewal.token.expires_at <= renewal.now else None


def same_key_is_proven(renewal: Renewal) -> Refused | None:
    """The key that the first token was bound to."""
    bound = renewal.token.bound_to
    fits = bound is None or bound == renewal.asked.key
    return None if fits else Refused("invalid_dpop_proof", "the token is bound to another key")


def scope_is_no_wider(renewal: Renewal) -> Refused | None:
    """Less may be asked for, never more."""
    wider = set(renewal.asked.parameters.words("scope")) - renewal.token.scopes
    return Refused("invalid_scope", "wider than what was granted") if wider else None


def scopes_are_its_own(asked: Asked) -> Refused | None:
    """On its own behalf a client gets what it was registered for, and nothing about residents."""
    own = {name for name in asked.client.scopes if not SCOPES[name].for_people}
    beyond = set(asked.parameters.words("scope")) - own
    return Refused("invalid_scope", "beyond the registration") if beyond or not own else None


FORM_CHECKS: Final[tuple[Check[Parameters], ...]] = (
    Check(nothing_is_repeated, "RFC 6749 3.2"),
    Check(text_is_plain, "RFC 6749 A"),
)

TOKEN_CHECKS: Final[tuple[Check[Asked], ...]] = (
    Check(grant_type_is_said, "RFC 6749 5.2"),
    Check(grant_type_is_known, "RFC 6749 5.2; RFC 9700 2.4"),
    Check(grant_type_is_registered, "RFC 6749 5.2"),
    Check(key_is_proven_where_agreed, "RFC 9449 5.2"),
)

REDEEM_CHECKS: Final[tuple[Check[Redemption], ...]] = (
    Check(code_is_of_this_client, "RFC 6749 4.1.3"),
    Check(code_has_not_expired, "RFC 6749 4.1.2"),
    Check(grant_of_code_stands, "RFC 6749 4.1.3"),
    Check(return_address_is_the_same, "RFC 6749 4.1.3"),
    Check(verifier_fits_challenge, "RFC 7636 4.6"),
    Check(verifier_answers_a_challenge, "RFC 9700 2.1.1"),
    Check(promised_key_is_proven, "RFC 9449 10"),
)

REFRESH_CHECKS: Final[tuple[Check[Renewal], ...]] = (
    Check(refresh_is_of_this_client, "RFC 6749 6"),
    Check(grant_of_refresh_stands, "RFC 6749 6"),
    Check(refresh_has_not_expired, "RFC 9700 4.14.2"),
    Check(same_key_is_proven, "RFC 9449 5"),
    Check(scope_is_no_wider, "RFC 6749 6"),
)

MACHINE_CHECKS: Final[tuple[Check[Asked], ...]] = (Check(scopes_are_its_own, "RFC 6749 3.3, 4.4"),)


def _bad(why: str) -> Refused:
    return Refused("invalid_request", why)


def _no_grant() -> Refused:
    """The same words whatever is wrong: a guesser learns nothing."""
    return Refused("invalid_grant", "unknown, used, expired or of another client")
