"""Who holds an access token at an address of ours that needs one: userinfo, and APIs."""

from datetime import datetime
from typing import Final

import msgspec

from identity.executors import Executor
from identity.oidc import access, dpop
from identity.oidc.access import Access
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.provider import Provider

_SCHEMES: Final = {"bearer": "Bearer", "dpop": "DPoP"}


class Held(msgspec.Struct, frozen=True):
    """A token in order, and how its holder brought it.

    Attributes:
        access: what it allows.
        scheme: `Bearer` or `DPoP`.
        key: the thumbprint of the key that was proven; empty for none.
    """

    access: Access
    scheme: str
    key: str


def scheme_fits_the_token(held: Held) -> Refused | None:
    """A bound token is no bearer token, and the other way about."""
    fits = (held.scheme == "DPoP") == bool(held.access.bound_to)
    return None if fits else Refused("invalid_token", "sent by the wrong scheme")


def key_is_the_bound_one(held: Held) -> Refused | None:
    """The holder proved the key that the token is bound to."""
    same = held.key == held.access.bound_to or not held.access.bound_to
    return None if same else Refused("invalid_token", "the token is bound to another key")


HOLDER_CHECKS: Final[tuple[Check[Held], ...]] = (
    Check(scheme_fits_the_token, "RFC 9449 7.1, 7.2"),
    Check(key_is_the_bound_one, "RFC 9449 7.1"),
)


async def held(
    session: Executor,
    provider: Provider,
    authorization: str,
    request: dpop.Request,
    *,
    now: datetime,
) -> Access | Refused:
    """What the holder of a token may do, or why not: `invalid_token`, or `""` for no token sent."""
    word, _, token = authorization.partition(" ")
    scheme = _SCHEMES.get(word.lower())
    if scheme is None or not token:
        return Refused("", "no access token was sent")
    found = await access.accepted(session, provider, token.strip(), now=now)
    if isinstance(found, Refused):
        return found
    key = await dpop.proven_key(session, request, access_token=token.strip(), now=now)
    if isinstance(key, Refused):
        return key
    return first_refusal(HOLDER_CHECKS, Held(found, scheme, key)) or found
