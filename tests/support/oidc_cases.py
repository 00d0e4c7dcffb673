"""One case for each row of each table of the provider: in order, but for the one thing."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from identity.actors import Actor, ActorKind
from identity.oidc import (
    access,
    authorize_checks,
    client_auth,
    dpop,
    holders,
    id_tokens,
    logout,
    token_checks,
    userinfo,
)
from identity.oidc.access import Access
from identity.oidc.checks import Check
from identity.oidc.clients import Client
from identity.oidc.consents import Consent
from identity.oidc.grants import SignIn
from identity.oidc.jose import Parsed, Seen, encoded, key_of, parse, thumbprint
from identity.oidc.models import Basis, ClientAuth
from identity.oidc.parameters import Parameters
from identity.oidc.registration import CODE, MACHINE, REFRESH
from identity.oidc.spent import digest
from tests.support.oidc import CALLBACK, SIGNED_OUT, VERIFIER, challenge, new_key, signed

Table = Sequence[Check[Any]]
NOW: Final = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECONDS: Final = int(NOW.timestamp())
MINUTE: Final = timedelta(minutes=1)
ISSUER: Final = "https://card.example"
KEY, JWK = new_key()
OTHER_KEY, _ = new_key()
replace: Final = msgspec.structs.replace

CLIENT: Final = Client(
    id="kc-1",
    name="Kent Libraries",
    basis=Basis.CONSENT,
    auth=ClientAuth.CLIENT_SECRET_BASIC,
    sector="localhost",
    created_at=NOW,
    grant_types=frozenset({CODE, REFRESH, MACHINE}),
    scopes=frozenset({"openid", "email", "entitlements:check"}),
    redirect_uris=frozenset({CALLBACK}),
    post_logout_redirect_uris=frozenset({SIGNED_OUT}),
    keys=(),
    backchannel_logout_uri=None,
    secret_hash=digest("the secret"),
    id_token_alg="ES256",
    pkce_required=True,
    par_required=False,
    dpop_required=False,
    introspects=False,
    disabled=False,
)
SIGNER: Final = replace(CLIENT, auth=ClientAuth.PRIVATE_KEY_JWT, secret_hash=None, keys=(JWK,))


def _form(base: Mapping[str, str], **changed: str | None) -> Parameters:
    values = {**base, **changed}
    return Parameters({name: value for name, value in values.items() if value is not None})


_REQUEST: Final = {
    "response_type": "code",
    "client_id": CLIENT.id,
    "redirect_uri": CALLBACK,
    "scope": "openid email",
    "code_challenge": challenge(VERIFIER),
    "code_challenge_method": "S256",
}


def asked(
    client: Client | None = CLIENT, hint: str | None = "", **changed: str | None
) -> authorize_checks.Asked:
    return authorize_checks.Asked(_form(_REQUEST, **changed), client, hint=hint)


def _twice(name: str) -> authorize_checks.Asked:
    good = asked()
    return replace(good, parameters=replace(good.parameters, repeated=frozenset({name})))


PAGE: Final = {
    "address_is_said_once": _twice("redirect_uri"),
    "client_is_known": asked(replace(CLIENT, disabled=True)),
    "return_address_is_registered": asked(redirect_uri=f"{CALLBACK}/more"),
}
REQUEST: Final = {
    "nothing_is_repeated": _twice("scope"),
    "text_is_plain": replace(asked(), parameters=replace(asked().parameters, readable=False)),
    "no_request_object": asked(request="eyJ"),
    "no_remote_request": asked(request_uri="https://client.example/request"),
    "no_registration": asked(registration="{}"),
    "pushed_where_agreed": asked(replace(CLIENT, par_required=True)),
    "response_type_is_said": asked(response_type=None),
    "response_type_is_code": asked(response_type="code id_token"),
    "response_mode_is_query": asked(response_mode="fragment"),
    "client_signs_people_in": asked(replace(CLIENT, grant_types=frozenset({MACHINE}))),
    "scope_has_openid": asked(scope="email"),
    "scopes_are_allowed": asked(scope="openid address"),
    "challenge_is_sent": asked(code_challenge=None, code_challenge_method=None),
    "challenge_is_s256": asked(code_challenge_method="plain"),
    "challenge_is_a_hash": asked(code_challenge="short"),
    "prompt_is_known": asked(prompt="create"),
    "prompt_none_is_alone": asked(prompt="none login"),
    "max_age_is_a_number": asked(max_age="-1"),
    "dpop_key_is_a_thumbprint": asked(dpop_jkt="short"),
    "hint_is_ours": asked(hint=None),
}

SIGN_IN: Final = SignIn(
    account_id=UUID(int=1),
    actor=Actor(ActorKind.RESIDENT, str(UUID(int=1))),
    token="of-a-session",
    at=NOW - MINUTE,
)
CONSENT: Final = Consent(frozenset({"openid", "email"}), NOW - MINUTE)


def visit(**changed: Any) -> authorize_checks.Visit:  # noqa: ANN401  (fields of the visit)
    good = authorize_checks.Visit(asked(), CLIENT, NOW, SIGN_IN, "sub-1", CONSENT, NOW)
    return replace(good, **changed)


VISIT: Final = {
    "somebody_is_signed_in": visit(sign_in=None, subject="", consent=None),
    "hinted_person_is_signed_in": visit(asked=asked(hint="sub-2")),
    "signed_in_anew_when_asked": visit(asked=asked(prompt="login")),
    "signed_in_lately": visit(asked=asked(max_age="59")),
    "level_is_reached": visit(asked=asked(acr_values="aal2")),
    "resident_agreed": visit(consent=replace(CONSENT, scopes=frozenset({"openid"}))),
    "agreed_anew_when_asked": visit(asked=asked(prompt="consent")),
}


def wanted(client: Client = CLIENT, key: str = "", **changed: str | None) -> token_checks.Asked:
    base = {"grant_type": CODE, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return token_checks.Asked(_form(base, **changed), client, key)


FORM: Final = {
    "nothing_is_repeated": Parameters({}, repeated=frozenset({"code"})),
    "text_is_plain": Parameters({}, readable=False),
}
TOKEN: Final = {
    "grant_type_is_said": wanted(grant_type=None),
    "grant_type_is_known": wanted(grant_type="password"),
    "grant_type_is_registered": wanted(replace(CLIENT, grant_types=frozenset({MACHINE}))),
    "key_is_proven_where_agreed": wanted(replace(CLIENT, dpop_required=True)),
}

CODE_FACTS: Final = token_checks.CodeFacts(
    client_id=CLIENT.id,
    redirect_uri=CALLBACK,
    challenge=challenge(VERIFIER),
    bound_to=None,
    expires_at=NOW + MINUTE,
    stands=True,
)


def redemption(
    asked: token_checks.Asked | None = None,
    **changed: Any,  # noqa: ANN401  (facts of the code)
) -> token_checks.Redemption:
    return token_checks.Redemption(asked or wanted(), replace(CODE_FACTS, **changed), NOW)


REDEEM: Final = {
    "code_is_of_this_client": redemption(client_id="kc-2"),
    "code_has_not_expired": redemption(expires_at=NOW),
    "grant_of_code_stands": redemption(stands=False),
    "return_address_is_the_same": redemption(wanted(redirect_uri=None)),
    "verifier_fits_challenge": redemption(wanted(code_verifier=VERIFIER[::-1])),
    "verifier_answers_a_challenge": redemption(challenge=None),
    "promised_key_is_proven": redemption(bound_to=challenge("a key")),
}

REFRESH_FACTS: Final = token_checks.RefreshFacts(
    client_id=CLIENT.id,
    bound_to=None,
    scopes=frozenset({"openid"}),
    expires_at=NOW + MINUTE,
    stands=True,
)


def renewal(
    asked: token_checks.Asked | None = None,
    **changed: Any,  # noqa: ANN401  (facts of the token)
) -> token_checks.Renewal:
    return token_checks.Renewal(asked or wanted(), replace(REFRESH_FACTS, **changed), NOW)


RENEW: Final = {
    "refresh_is_of_this_client": renewal(client_id="kc-2"),
    "grant_of_refresh_stands": renewal(stands=False),
    "refresh_has_not_expired": renewal(expires_at=NOW),
    "same_key_is_proven": renewal(bound_to=challenge("a key")),
    "scope_is_no_wider": renewal(wanted(scope="openid email")),
}
MACHINE_CASES: Final = {"scopes_are_its_own": wanted(scope="openid")}

_CLAIMS: Final = {
    "iss": ISSUER,
    "aud": ISSUER,
    "sub": "sub-1",
    "client_id": CLIENT.id,
    "scope": "openid",
    "iat": SECONDS,
    "exp": SECONDS + 60,
    "jti": "id-1",
}


def parsed(token: str) -> Parsed:
    found = parse(token)
    assert isinstance(found, Parsed), found
    return found


def seen(
    typ: str,
    *,
    key: ec.EllipticCurvePrivateKey = KEY,
    header: Mapping[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401  (claims)
) -> Seen:
    """A token in order, but for what is changed; None leaves a claim out."""
    claims = {name: value for name, value in {**_CLAIMS, **changed}.items() if value is not None}
    token = signed(key, claims, **{"kid": "key-1", "typ": typ, **(header or {})})
    return Seen(
        parsed(token),
        key_of(JWK, "ES256"),
        frozenset({"ES256"}),
        typ,
        ISSUER,
        frozenset({ISSUER}),
        NOW,
    )


def token_cases(typ: str) -> dict[str, Seen]:
    """The rows that tokens of several kinds share."""
    good = seen(typ)
    return {
        "type_is_exact": replace(good, type="logout+jwt"),
        "algorithm_is_allowed": replace(good, algorithms=frozenset({"RS256"})),
        "nothing_is_critical": seen(typ, header={"crit": ["exp"]}),
        "key_is_known": replace(good, key=None),
        "signature_verifies": seen(typ, key=OTHER_KEY),
        "issuer_is_exact": seen(typ, iss="https://card.example/"),
        "audience_is_exact": seen(typ, aud=[ISSUER]),
        "subject_is_text": seen(typ, sub=""),
        "expiry_is_whole": seen(typ, exp=None),
        "has_not_expired": seen(typ, exp=SECONDS),
        "issue_time_is_past": seen(typ, iat=SECONDS + 61),
        "id_is_text": seen(typ, jti=None),
    }


ACCESS: Final = token_cases(access.TYPE) | {"client_is_named": seen(access.TYPE, client_id=None)}
_HINTS: Final = token_cases(id_tokens.TYPE)
HINT: Final = {
    name: _HINTS[name]
    for name in (
        "type_is_exact",
        "algorithm_is_allowed",
        "nothing_is_critical",
        "key_is_known",
        "signature_verifies",
        "issuer_is_exact",
        "subject_is_text",
    )
} | {"audience_is_a_client": seen(id_tokens.TYPE, aud=[CLIENT.id, "another"])}


def attempt(
    client: Client | None = CLIENT,
    **changed: Any,  # noqa: ANN401  (what is presented)
) -> client_auth.Attempt:
    good = client_auth.Presented(frozenset({"client_secret_basic"}), CLIENT.id, "the secret")
    presented = replace(good, **changed)
    return client_auth.Attempt(presented, client, frozenset({ISSUER}), NOW)


def by_key(
    client: Client = SIGNER,
    *,
    key: ec.EllipticCurvePrivateKey = KEY,
    header: Mapping[str, Any] | None = None,
    **claims: Any,  # noqa: ANN401  (claims)
) -> client_auth.Attempt:
    base = {"iss": CLIENT.id, "sub": CLIENT.id, **claims}
    assertion = seen("JWT", key=key, header=header, **base).parsed
    return attempt(
        client,
        ways=frozenset({"private_key_jwt"}),
        secret="",
        assertion=assertion,
        assertion_type=client_auth.ASSERTION_TYPE,
    )


def _by_algorithm() -> client_auth.Attempt:
    """Signed with ES256 and said to be HS256."""
    good = by_key()
    assertion = good.presented.assertion
    assert assertion is not None
    forged = replace(assertion, header={**assertion.header, "alg": "HS256"})
    return replace(good, presented=replace(good.presented, assertion=forged))


AUTH: Final = {
    "one_proof_is_used": attempt(ways=frozenset({"client_secret_basic", "private_key_jwt"})),
    "client_is_known": attempt(None),
    "client_is_in_use": attempt(replace(CLIENT, disabled=True)),
    "proof_is_the_registered_one": attempt(ways=frozenset()),
    "secret_is_right": attempt(secret="another secret"),
    "assertion_can_be_read": attempt(SIGNER, ways=frozenset({"private_key_jwt"}), assertion=None),
    "assertion_is_no_other_token": by_key(header={"typ": dpop.TYPE}),
    "assertion_algorithm_is_allowed": _by_algorithm(),
    "assertion_is_understood": by_key(header={"crit": ["exp"]}),
    "assertion_key_is_registered": by_key(header={"kid": "key-2"}),
    "assertion_is_signed": by_key(key=OTHER_KEY),
    "assertion_is_by_the_client": by_key(iss="kc-2"),
    "assertion_is_about_the_client": by_key(sub="kc-2"),
    "assertion_is_for_us": by_key(aud="https://another.example"),
    "assertion_says_when_it_ends": by_key(exp=SECONDS + 3601),
    "assertion_has_not_ended": by_key(exp=SECONDS),
    "assertion_is_not_early": by_key(nbf=SECONDS + 61),
    "assertion_has_an_id": by_key(jti=None),
}

_PROOF: Final = {
    "htm": "POST",
    "htu": f"{ISSUER}/oidc/token",
    "iat": SECONDS,
    "jti": "id-1",
    "ath": encoded(sha256(b"a token").digest()),
}


def proof(
    *,
    key: ec.EllipticCurvePrivateKey = KEY,
    header: Mapping[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401  (claims)
) -> dpop.Proof:
    claims = {name: value for name, value in {**_PROOF, **changed}.items() if value is not None}
    token = signed(key, claims, **{"typ": dpop.TYPE, "jwk": JWK, **(header or {})})
    request = dpop.Request("POST", f"{ISSUER}/oidc/token")
    return dpop.proof_of(parsed(token), request, access_token="a token", now=NOW)


def _proof_allowing_nothing() -> dpop.Proof:
    good = proof()
    return replace(good, seen=replace(good.seen, algorithms=frozenset()))


PROOF: Final = {
    "type_is_dpop": proof(header={"typ": "JWT"}),
    "algorithm_is_asymmetric": _proof_allowing_nothing(),
    "header_is_understood": proof(header={"crit": ["exp"]}),
    "key_is_public": proof(header={"jwk": {**JWK, "d": "AA"}}),
    "proof_is_signed_by_its_key": proof(key=OTHER_KEY),
    "proof_has_an_id": proof(jti=None),
    "method_is_of_this_request": proof(htm="GET"),
    "address_is_of_this_request": proof(htu=f"{ISSUER}/oidc/userinfo"),
    "proof_is_fresh": proof(iat=SECONDS - 61),
    "proof_is_for_this_token": proof(ath=encoded(secrets.token_bytes(32))),
}

GRANTED: Final = Access(CLIENT.id, CLIENT.name, "sub-1", ("openid",), UUID(int=1), "", {})
BOUND: Final = replace(GRANTED, bound_to=thumbprint(JWK))
HOLDER: Final = {
    "scheme_fits_the_token": holders.Held(BOUND, "Bearer", thumbprint(JWK)),
    "key_is_the_bound_one": holders.Held(BOUND, "DPoP", "another"),
}
USERINFO: Final = {
    "token_is_about_a_resident": replace(GRANTED, account_id=None),
    "scope_has_openid": replace(GRANTED, scopes=("email",)),
}


def leaving(
    client: Client | None = CLIENT,
    hint: id_tokens.Hinted | None = None,
    **values: str,
) -> logout.LogoutAsked:
    return logout.LogoutAsked(Parameters(values), client, hint)


_HINTED: Final = id_tokens.Hinted("sub-1", CLIENT.id, "sid-1")
LOGOUT: Final = {
    "hint_is_ours": leaving(id_token_hint="forged"),
    "client_is_the_hinted_one": leaving(hint=_HINTED, id_token_hint="e", client_id="kc-2"),
    "client_is_known": leaving(None, client_id="kc-2"),
    "return_address_is_registered": leaving(None, post_logout_redirect_uri=SIGNED_OUT),
}

# name of the table -> rows, cases by name of the row, subjects that are in order
TABLES: Final[Mapping[str, tuple[Table, Mapping[str, Any], Sequence[Any]]]] = {
    "page": (authorize_checks.PAGE_CHECKS, PAGE, [asked()]),
    "request": (authorize_checks.REQUEST_CHECKS, REQUEST, [asked(), asked(hint="sub-1")]),
    "visit": (authorize_checks.VISIT_CHECKS, VISIT, [visit(), visit(asked=asked(hint="sub-1"))]),
    "form": (token_checks.FORM_CHECKS, FORM, [Parameters({})]),
    "token": (token_checks.TOKEN_CHECKS, TOKEN, [wanted()]),
    "redeem": (token_checks.REDEEM_CHECKS, REDEEM, [redemption()]),
    "refresh": (token_checks.REFRESH_CHECKS, RENEW, [renewal()]),
    "machine": (
        token_checks.MACHINE_CHECKS,
        MACHINE_CASES,
        [wanted(), wanted(scope="entitlements:check")],
    ),
    "access": (access.ACCESS_CHECKS, ACCESS, [seen(access.TYPE)]),
    "hint": (id_tokens.HINT_CHECKS, HINT, [seen("JWT"), seen("JWT", exp=1)]),
    "client": (client_auth.CLIENT_CHECKS, AUTH, [attempt(), by_key()]),
    "proof": (dpop.PROOF_CHECKS, PROOF, [proof(), proof(iat=SECONDS + 59)]),
    "holder": (
        holders.HOLDER_CHECKS,
        HOLDER,
        [holders.Held(GRANTED, "Bearer", ""), holders.Held(BOUND, "DPoP", thumbprint(JWK))],
    ),
    "userinfo": (userinfo.USERINFO_CHECKS, USERINFO, [GRANTED]),
    "logout": (logout.LOGOUT_CHECKS, LOGOUT, [leaving(), leaving(hint=_HINTED, id_token_hint="e")]),
}
