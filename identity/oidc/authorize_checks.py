"""What is looked at when a site sends somebody to sign in: three tables, in this order.

`PAGE_CHECKS` come before the return address is trusted: a refusal is shown here, and nobody is sent
anywhere. `REQUEST_CHECKS` are answered to the site. `VISIT_CHECKS` need to know who is there.
"""

import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from identity.oidc.checks import Check, Refused
from identity.oidc.clients import Client
from identity.oidc.consents import Consent
from identity.oidc.grants import SignIn
from identity.oidc.levels import is_reached
from identity.oidc.models import Basis
from identity.oidc.parameters import Parameters
from identity.oidc.registration import CODE
from identity.oidc.scopes import OPENID, SCOPES, for_people

PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
UNMET: Final = "unmet_authentication_requirements"
"""Source: OpenID Connect Core Error Code unmet_authentication_requirements 1.0."""
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_SECONDS: Final = re.compile(r"[0-9]{1,9}\Z")
_LONGEST_NONCE: Final = 512


class Asked(msgspec.Struct, frozen=True):
    """A request to sign somebody in.

    Attributes:
        parameters: as they came.
        client: whom `client_id` names; None for nobody.
        pushed: whether the client itself sent the parameters before, by PAR.
        hint: the `sub` of the `id_token_hint`; None when it is none of ours for this client.
    """

    parameters: Parameters
    client: Client | None
    pushed: bool = False
    hint: str | None = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for and known."""
        return for_people(self.parameters.words("scope"))

    @property
    def prompts(self) -> frozenset[str]:
        """The words of `prompt`."""
        return frozenset(self.parameters.words("prompt"))


class Visit(msgspec.Struct, frozen=True):
    """A request, and who is at the browser.

    Attributes:
        asked: the request, already in order.
        client: its client.
        asked_at: when it first came.
        sign_in: who is signed in; None for nobody.
        subject: how the client knows them; empty for nobody.
        consent: that stands between the two; None without one.
        now: when.
    """

    asked: Asked
    client: Client
    asked_at: datetime
    sign_in: SignIn | None
    subject: str
    consent: Consent | None
    now: datetime

    @property
    def signed_in_for_this(self) -> bool:
        """Whether they signed in since the request came."""
        return self.sign_in is not None and self.sign_in.at >= self.asked_at

    @property
    def account_id(self) -> UUID | None:
        """Of whoever is signed in."""
        return self.sign_in.account_id if self.sign_in else None


def address_is_said_once(asked: Asked) -> Refused | None:
    """Client and return address are said once: two of them are an attack."""
    unclear = asked.parameters.repeated & {"client_id", "redirect_uri"}
    return _bad("client_id or redirect_uri was sent twice") if unclear else None


def client_is_known(asked: Asked) -> Refused | None:
    """Staff registered the client and did not stop it."""
    known = asked.client is not None and not asked.client.disabled
    return None if known else Refused("unauthorized_client", "unknown client")


def return_address_is_registered(asked: Asked) -> Refused | None:
    """The return address is one of the client's, letter by letter."""
    address = asked.parameters.get("redirect_uri")
    registered = asked.client is None or address in asked.client.redirect_uris
    return None if registered else _bad("this redirect_uri is not registered")


def nothing_is_repeated(asked: Asked) -> Refused | None:
    """Each parameter is said once."""
    return _bad("a parameter was sent twice") if asked.parameters.repeated else None


def text_is_plain(asked: Asked) -> Refused | None:
    """Printable text of a sensible length."""
    nonce = len(asked.parameters.get("nonce")) <= _LONGEST_NONCE
    plain = asked.parameters.readable and nonce
    return None if plain else _bad("a parameter is too long or not printable text")


def no_request_object(asked: Asked) -> Refused | None:
    """Requests are protected by PAR, so request objects are not taken, signed or not."""
    sent = asked.parameters.get("request")
    return Refused("request_not_supported", "use pushed requests (PAR)") if sent else None


def no_remote_request(asked: Asked) -> Refused | None:
    """We fetch nothing from an address that somebody gives us."""
    sent = asked.parameters.get("request_uri")
    return Refused("request_uri_not_supported", "use pushed requests (PAR)") if sent else None


def no_registration(asked: Asked) -> Refused | None:
    """Clients are registered by staff."""
    sent = asked.parameters.get("registration")
    return Refused("registration_not_supported", "clients are registered by us") if sent else None


def pushed_where_agreed(asked: Asked) -> Refused | None:
    """A client registered for PAR never sends its parameters through the browser."""
    if asked.client is None or not asked.client.par_required or asked.pushed:
        return None
    return _bad("this client pushes its requests (PAR)")


def response_type_is_said(asked: Asked) -> Refused | None:
    """It says what it wants back."""
    return None if asked.parameters.get("response_type") else _bad("response_type is missing")


def response_type_is_code(asked: Asked) -> Refused | None:
    """Only a code goes through the browser, never a token."""
    wanted = asked.parameters.get("response_type")
    if wanted in {"", "code"}:
        return None
    return Refused("unsupported_response_type", "only response_type=code")


def response_mode_is_query(asked: Asked) -> Refused | None:
    """The code comes back in the query."""
    fits = asked.parameters.get("response_mode") in {"", "query"}
    return None if fits else _bad("only response_mode=query")


def client_signs_people_in(asked: Asked) -> Refused | None:
    """The client was registered for it, not only for its own behalf."""
    may = asked.client is None or CODE in asked.client.grant_types
    return None if may else Refused("unauthorized_client", "this client does not sign people in")


def scope_has_openid(asked: Asked) -> Refused | None:
    """It is a sign-in."""
    present = OPENID in asked.parameters.words("scope")
    return None if present else Refused("invalid_scope", "the scope must have openid")


def scopes_are_allowed(asked: Asked) -> Refused | None:
    """A scope that we know is asked for by a client registered for it; others are ignored."""
    known = {name for name in asked.parameters.words("scope") if name in SCOPES}
    beyond = known - asked.client.scopes if asked.client else set()
    return Refused("invalid_scope", "a scope beyond the registration") if beyond else None


def challenge_is_sent(asked: Asked) -> Refused | None:
    """PKCE, unless the client was registered to go without; then a nonce."""
    optional = asked.client is not None and not asked.client.pkce_required
    sent = asked.parameters.get("code_challenge")
    instead = optional and asked.parameters.get("nonce")
    return None if sent or instead else _bad("code_challenge is missing (PKCE, S256)")


def challenge_is_s256(asked: Asked) -> Refused | None:
    """A plain challenge protects nothing; without a method it would be plain."""
    sent = asked.parameters.get("code_challenge") or asked.parameters.get("code_challenge_method")
    s256 = asked.parameters.get("code_challenge_method") == "S256"
    return _bad("code_challenge_method must be S256") if sent and not s256 else None


def challenge_is_a_hash(asked: Asked) -> Refused | None:
    """43 letters, as a SHA-256 has."""
    challenge = asked.parameters.get("code_challenge")
    fits = not challenge or _HASH.match(challenge)
    return None if fits else _bad("code_challenge is not a SHA-256 in base64url")


def prompt_is_known(asked: Asked) -> Refused | None:
    """No word that we would have to ignore."""
    return _bad("unknown prompt") if asked.prompts - PROMPTS else None


def prompt_none_is_alone(asked: Asked) -> Refused | None:
    """It cannot both show nothing and show something."""
    torn = "none" in asked.prompts and len(asked.prompts) > 1
    return _bad("prompt=none goes with no other") if torn else None


def max_age_is_a_number(asked: Asked) -> Refused | None:
    """Whole seconds."""
    age = asked.parameters.get("max_age")
    return None if not age or _SECONDS.match(age) else _bad("max_age is not a number of seconds")


def dpop_key_is_a_thumbprint(asked: Asked) -> Refused | None:
    """43 letters, as a SHA-256 has."""
    key = asked.parameters.get("dpop_jkt")
    return None if not key or _HASH.match(key) else _bad("dpop_jkt is not a thumbprint")


def hint_is_ours(asked: Asked) -> Refused | None:
    """The ID token that hints at somebody was made here, for this client."""
    return _bad("the id_token_hint is not one of ours for you") if asked.hint is None else None


def somebody_is_signed_in(visit: Visit) -> Refused | None:
    """A resident is at the browser."""
    return None if visit.sign_in else _sign_in("nobody is signed in")


def hinted_person_is_signed_in(visit: Visit) -> Refused | None:
    """Nobody is signed in as somebody else than the client expects."""
    expected = visit.asked.hint
    other = bool(expected) and visit.sign_in is not None and visit.subject != expected
    return _sign_in("somebody else is signed in") if other else None


def signed_in_anew_when_asked(visit: Visit) -> Refused | None:
    """`prompt=login` (or choosing another account) means since this request."""
    again = {"login", "select_account"} & visit.asked.prompts
    return _sign_in("a new sign-in is asked for") if again and not _anew(visit) else None


def signed_in_lately(visit: Visit) -> Refused | None:
    """No longer ago than `max_age` seconds."""
    limit = visit.asked.parameters.get("max_age")
    if not limit or visit.sign_in is None or visit.signed_in_for_this:
        return None
    old = visit.now - visit.sign_in.at > timedelta(seconds=int(limit))
    return _sign_in("the sign-in is too long ago") if old else None


def level_is_reached(visit: Visit) -> Refused | None:
    """A site that names levels gets one of them or an error, never a weaker sign-in."""
    wished = visit.asked.parameters.words("acr_values")
    if visit.sign_in is None or is_reached(visit.sign_in.acr, wished):
        return None
    return Refused(UNMET, "the sign-in does not reach a level of acr_values")


def resident_agreed(visit: Visit) -> Refused | None:
    """A partner is told what the resident agreed to; a council service rests on public task."""
    if visit.client.basis is Basis.PUBLIC_TASK or visit.sign_in is None:
        return None
    agreed = visit.consent is not None and set(visit.asked.scopes) <= visit.consent.scopes
    return None if agreed else _consent("the resident has not agreed")


def agreed_anew_when_asked(visit: Visit) -> Refused | None:
    """`prompt=consent` means since this request; a council service has nothing to ask."""
    if visit.client.basis is Basis.PUBLIC_TASK or "consent" not in visit.asked.prompts:
        return None
    anew = visit.consent is None or visit.consent.given_at >= visit.asked_at
    return None if anew else _consent("consent is asked for anew")


PAGE_CHECKS: Final[tuple[Check[Asked], ...]] = (
    Check(address_is_said_once, "RFC 6749 3.1"),
    Check(client_is_known, "RFC 6749 4.1.2.1"),
    Check(return_address_is_registered, "RFC 9700 2.1; OpenID Connect Core 1.0 3.1.2.1"),
)

REQUEST_CHECKS: Final[tuple[Check[Asked], ...]] = (
    Check(nothing_is_repeated, "RFC 6749 3.1"),
    Check(text_is_plain, "RFC 6749 A"),
    Check(no_request_object, "OpenID Connect Core 1.0 6.1"),
    Check(no_remote_request, "OpenID Connect Core 1.0 6.2; RFC 9126 2.1"),
    Check(no_registration, "OpenID Connect Core 1.0 3.1.2.6"),
    Check(pushed_where_agreed, "RFC 9126 6"),
    Check(response_type_is_said, "RFC 6749 3.1.1"),
    Check(response_type_is_code, "RFC 9700 2.1.2"),
    Check(response_mode_is_query, "OAuth 2.0 Multiple Response Types 2.1"),
    Check(client_signs_people_in, "RFC 6749 4.1.2.1"),
    Check(scope_has_openid, "OpenID Connect Core 1.0 3.1.2.1"),
    Check(scopes_are_allowed, "RFC 6749 3.3"),
    Check(challenge_is_sent, "RFC 9700 2.1.1"),
    Check(challenge_is_s256, "RFC 7636 4.3; RFC 9700 2.1.1"),
    Check(challenge_is_a_hash, "RFC 7636 4.2"),
    Check(prompt_is_known, "OpenID Connect Core 1.0 3.1.2.1"),
    Check(prompt_none_is_alone, "OpenID Connect Core 1.0 3.1.2.1"),
    Check(max_age_is_a_number, "OpenID Connect Core 1.0 3.1.2.1"),
    Check(dpop_key_is_a_thumbprint, "RFC 9449 10"),
    Check(hint_is_ours, "OpenID Connect Core 1.0 3.1.2.2"),
)

VISIT_CHECKS: Final[tuple[Check[Visit], ...]] = (
    Check(somebody_is_signed_in, "OpenID Connect Core 1.0 3.1.2.3"),
    Check(hinted_person_is_signed_in, "OpenID Connect Core 1.0 3.1.2.2"),
    Check(signed_in_anew_when_asked, "OpenID Connect Core 1.0 3.1.2.1, prompt"),
    Check(signed_in_lately, "OpenID Connect Core 1.0 3.1.2.1, max_age"),
    Check(level_is_reached, "RFC 9470 5; OpenID Connect Core 1.0 3.1.2.1, acr_values"),
    Check(resident_agreed, "OpenID Connect Core 1.0 3.1.2.4; UK GDPR 6(1)(a)"),
    Check(agreed_anew_when_asked, "OpenID Connect Core 1.0 3.1.2.1, prompt"),
)


def _anew(visit: Visit) -> bool:
    return visit.sign_in is None or visit.signed_in_for_this


def _bad(why: str) -> Refused:
    return Refused("invalid_request", why)


def _sign_in(why: str) -> Refused:
    return Refused("login_required", why)


def _consent(why: str) -> Refused:
    return Refused("consent_required", why)
