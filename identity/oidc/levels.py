"""How surely somebody signed in, as sites are told: `acr` and `amr`, from what they showed.

One table says what each way of signing in shows. Two factors of different kinds make `aal2`; a
code by e-mail is no factor beside another, because a mailbox is nobody's device.
Source: NIST SP 800-63B-4 sections 2.1, 2.2 and 3.1.3.1 (e-mail); RFC 8176 section 2 (`amr`).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from identity.sessions import SignedInSession
from identity.signin_models import SignInMethod

SINGLE_FACTOR: Final = "aal1"
TWO_FACTORS: Final = "aal2"
LEVELS: Final = (SINGLE_FACTOR, TWO_FACTORS)
"""The values of `acr`, the weakest first. Source: NIST SP 800-63B-4, assurance levels."""
MANY_FACTORS: Final = "mfa"


class Factor(Enum):
    """A kind of proof."""

    KNOWS = "knows"
    HAS = "has"


class Way(msgspec.Struct, frozen=True):
    """What a way of signing in shows: a word of `amr`, and kinds of proof."""

    amr: str
    factors: frozenset[Factor]


WAYS: Final[Mapping[SignInMethod, Way]] = {
    SignInMethod.EMAIL_CODE: Way("otp", frozenset()),
    SignInMethod.PASSWORD: Way("pwd", frozenset({Factor.KNOWS})),
    SignInMethod.APP: Way("otp", frozenset({Factor.HAS})),
    SignInMethod.RECOVERY_CODE: Way("otp", frozenset({Factor.HAS})),
    # A number can be taken over at the operator, and a letter be opened: neither raises a level.
    SignInMethod.MOBILE_CODE: Way("sms", frozenset()),
    SignInMethod.ACTIVATION_CODE: Way("otp", frozenset()),
    # The device checks a PIN, finger or face: `identity.passkeys` takes no passkey without.
    SignInMethod.PASSKEY: Way("pop", frozenset({Factor.HAS, Factor.KNOWS})),
}


class Shown(msgspec.Struct, frozen=True):
    """What sites are told of a sign-in.

    Attributes:
        acr: one of `LEVELS`.
        amr: words of RFC 8176.
        at: when the resident last reached that level (`auth_time`).
    """

    acr: str
    amr: tuple[str, ...]
    at: datetime


def shown_in(found: SignedInSession) -> Shown:
    """What a session shows.

    A fresh proof that is weaker than the sign-in does not make the sign-in fresh: then the time is
    that of the sign-in itself, which is never too late.
    """
    acr = level_of(found.methods)
    words = dict.fromkeys(WAYS[method].amr for method in found.methods)
    amr = (*words, MANY_FACTORS) if acr == TWO_FACTORS else tuple(words)
    fresh = level_of(found.methods[-1:]) == acr
    return Shown(acr, amr, found.proved_at if fresh else found.opened_at)


def level_of(methods: Iterable[SignInMethod]) -> str:
    """The level that some ways reach together."""
    factors = frozenset[Factor]().union(*(WAYS[method].factors for method in methods))
    return TWO_FACTORS if len(factors) == len(Factor) else SINGLE_FACTOR


def is_reached(acr: str, wished: Iterable[str]) -> bool:
    """Whether a level is at least the weakest of those wished for; unknown words ask nothing.

    Source: OpenID Connect Core 1.0 section 3.1.2.1, `acr_values` (any one of them will do).
    """
    known = [LEVELS.index(each) for each in wished if each in LEVELS]
    return not known or LEVELS.index(acr) >= min(known)
