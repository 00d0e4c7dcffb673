"""What a client may ask for: scopes, the claims each opens, and the words residents read.

`profile` carries no birth date: no client of this provider is told one. `phone` is not offered.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

OPENID: Final = "openid"
OFFLINE_ACCESS: Final = "offline_access"
CHECK: Final = "entitlements:check"
REDEEM: Final = "redemptions:write"
EVENTS: Final = "events:read"


class Scope(msgspec.Struct, frozen=True):
    """A scope.

    Attributes:
        words: what the resident agrees to, completing "This service will see ..."; empty for
            what needs no saying.
        claims: of the userinfo answer.
        for_people: false for what a client is allowed on its own behalf.
    """

    words: str = ""
    claims: tuple[str, ...] = ()
    for_people: bool = True


SCOPES: Final[Mapping[str, Scope]] = {
    OPENID: Scope(claims=("sub",)),
    "profile": Scope("your name", ("name", "given_name", "family_name")),
    "email": Scope("your e-mail address", ("email", "email_verified")),
    "address": Scope("your home address", ("address",)),
    OFFLINE_ACCESS: Scope("this information for 30 days, also while you are not signed in"),
    CHECK: Scope(for_people=False),
    REDEEM: Scope(for_people=False),
    EVENTS: Scope(for_people=False),
}
FOR_PARTNERS: Final = (CHECK, REDEEM, EVENTS)
"""What an organisation is allowed on its own behalf."""


def for_people(asked: Iterable[str]) -> tuple[str, ...]:
    """The scopes we know among those asked for on behalf of a resident, in our order.

    Source: OpenID Connect Core 1.0 section 3.1.2.1: a scope that is not understood is ignored.
    """
    wanted = set(asked)
    return tuple(name for name, scope in SCOPES.items() if name in wanted and scope.for_people)


def claims_of(granted: Iterable[str]) -> frozenset[str]:
    """The claims that scopes open.

    Source: OpenID Connect Core 1.0 section 5.4.
    """
    return frozenset(claim for name in granted for claim in SCOPES[name].claims)


def words_of(granted: Iterable[str]) -> tuple[str, ...]:
    """What a resident reads about scopes, one line each."""
    return tuple(words for name in granted if (words := SCOPES[name].words))
