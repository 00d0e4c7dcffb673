"""Whatever anybody sends, reading it ends in a value and never in a fault of ours."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from identity.oidc import client_auth, jose
from identity.oidc.checks import Refused, first_refusal
from identity.oidc.client_auth import CLIENT_CHECKS
from identity.oidc.dpop import PROOF_CHECKS, Request, proof_of
from identity.oidc.parameters import Parameters
from identity.oidc.registration import NewClient, faults_in
from tests.support.oidc import COUNCIL, PARTNER
from tests.support.oidc_cases import ISSUER, NOW, SIGNER

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from(["ES256", "EdDSA", "dpop+jwt", "JWT", "key-1"])
        for name in ("alg", "typ", "kid", "jwk", "crit", "b64")
    },
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "htm", "htu"), JSON),
)


def part(content: Any) -> str:  # noqa: ANN401  (any JSON)
    return jose.encoded(json.dumps(content).encode())


@given(st.text() | st.from_regex(r"\A[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z"))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    assert isinstance(jose.parse(text), jose.Parsed | Refused)


@given(HEADERS, CLAIMS, st.binary(min_size=1, max_size=80))
def test_no_made_up_token_is_a_proof_of_anything(
    header: dict[str, Any], claims: dict[str, Any], signature: bytes
) -> None:
    token = f"{part(header)}.{part(claims)}.{jose.encoded(signature)}"
    parsed = jose.parse(token)
    if isinstance(parsed, Refused):
        return
    proof = proof_of(parsed, Request("POST", ISSUER), access_token=None, now=NOW)
    assert isinstance(first_refusal(PROOF_CHECKS, proof), Refused)
    form = {"client_assertion": token, "client_assertion_type": client_auth.ASSERTION_TYPE}
    presented = client_auth.read("", Parameters(form))
    attempt = client_auth.Attempt(presented, SIGNER, frozenset({ISSUER}), NOW)
    assert isinstance(first_refusal(CLIENT_CHECKS, attempt), Refused)


@given(
    st.text(alphabet="a=&+%;é 2F0C3A9\udcff")
    | st.text()
    | st.lists(st.tuples(st.text(), st.text())).map(urlencode)
)
def test_a_form_is_read_as_the_standard_library_reads_it(text: str) -> None:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=60)
    except ValueError:
        assert not Parameters.from_encoded(text).readable
        return
    read = Parameters.from_encoded(text)
    names = [name for name, _ in pairs]
    assert read.values == dict(reversed(pairs))
    assert read.repeated == {name for name in names if names.count(name) > 1}


@given(st.text())
def test_any_query_is_read_and_no_header_is_too_odd(text: str) -> None:
    parameters = Parameters.from_encoded(text)
    for header in (text, f"Basic {text}"):
        assert client_auth.read(header, parameters).ways <= {
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        }


@given(st.lists(st.text()), st.text(), st.dictionaries(st.text(), st.text()))
def test_any_registration_is_judged(uris: list[str], name: str, jwk: dict[str, str]) -> None:
    for base in (COUNCIL, PARTNER):
        details = NewClient(
            name=name, basis=base.basis, auth=base.auth, redirect_uris=tuple(uris), keys=(jwk,)
        )
        assert "keys" in faults_in(details)
