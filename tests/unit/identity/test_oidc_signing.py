"""The provider's keys: what signs, what is published, what still verifies after rotations."""

from datetime import timedelta
from pathlib import Path

import jwt
import msgspec
import pytest

from identity.keys import FileKeyStore, Purpose
from identity.oidc import access, id_tokens, jose
from identity.oidc.checks import Refused
from identity.oidc.provider import Provider
from identity.oidc.signing import ES256, RS256, Signer
from identity.personal import Vault
from tests.support.oidc_cases import ISSUER, NOW, parsed

HINT = {"iss": ISSUER, "sub": "sub-1", "aud": "kc-1", "sid": "sid-1"}


@pytest.fixture
def store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)


def kids(signer: Signer) -> list[str]:
    return [key["kid"] for key in signer.jwks()["keys"]]


def test_both_algorithms_are_published_and_es256_comes_first(store: FileKeyStore) -> None:
    signer = Signer(store)
    assert [key["alg"] for key in signer.jwks()["keys"]] == [ES256, RS256]
    assert kids(signer) == ["oes.1", "ors.1"]


@pytest.mark.parametrize("algorithm", [ES256, RS256])
def test_a_token_verifies_with_the_published_key_of_its_name(
    store: FileKeyStore, algorithm: str
) -> None:
    signer = Signer(store)
    token = signer.sign("JWT", {"sub": "sub-1"}, algorithm=algorithm)
    header = jwt.get_unverified_header(token)
    [published] = [key for key in signer.jwks()["keys"] if key["kid"] == header["kid"]]
    key = jwt.PyJWK.from_dict(dict(published))
    assert jwt.decode(token, key, algorithms=[algorithm]) == {"sub": "sub-1"}
    assert header["typ"] == "JWT"


def test_after_a_rotation_the_new_key_signs_and_the_old_one_is_still_published(
    store: FileKeyStore,
) -> None:
    signer = Signer(store)
    before = signer.sign("JWT", HINT)
    store.rotate(Purpose.OIDC_SIGN_ES256, now=NOW)
    assert kids(signer) == ["oes.2", "oes.1", "ors.1"]
    after = signer.sign("JWT", HINT)
    assert jwt.get_unverified_header(after)["kid"] == "oes.2"
    for token in (before, after):
        assert signer.verifying_key(parsed(token)) is not None
    store.rotate(Purpose.OIDC_SIGN_ES256, now=NOW)
    assert kids(signer) == ["oes.3", "oes.2", "ors.1"]


def test_a_hint_signed_by_a_key_of_long_ago_still_hints(store: FileKeyStore) -> None:
    provider = Provider(ISSUER, Signer(store), Vault(store))
    hint = provider.signer.sign(id_tokens.TYPE, HINT, algorithm=RS256)
    for _ in range(3):
        store.rotate(Purpose.OIDC_SIGN_RS256, now=NOW)
    assert id_tokens.read_hint(provider, hint) == id_tokens.Hinted("sub-1", "kc-1", "sid-1")
    assert id_tokens.read_hint(provider, hint[:-4] + "AAAA") is None


def test_the_thumbprint_is_that_of_the_standard() -> None:
    """Source: RFC 7638 section 3.1."""
    jwk = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
            "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
            "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
            "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert jose.thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def access_token(provider: Provider, minutes: int = 0) -> str:
    made = NOW + timedelta(minutes=minutes)
    return access.mint(provider, "kc-1", "kc-1", ("a",), bound_to="", now=made)


def test_a_token_seen_before_is_looked_at_again_in_all_but_its_signature(
    store: FileKeyStore,
) -> None:
    provider = Provider(ISSUER, Signer(store), Vault(store))
    token = access_token(provider)
    for _ in range(2):
        assert not isinstance(access.read(provider, token, now=NOW), Refused)
    assert provider.signer.verified.parsed(token) is not None
    late = access.read(provider, token, now=NOW + access.LIFE)
    assert isinstance(late, Refused)
    assert late.check == "has_not_expired"
    elsewhere = msgspec.structs.replace(provider, issuer="https://other.example")
    assert isinstance(access.read(elsewhere, token, now=NOW), Refused)


def test_a_token_like_one_seen_before_is_another_token(store: FileKeyStore) -> None:
    provider = Provider(ISSUER, Signer(store), Vault(store))
    token, other = access_token(provider), access_token(provider)
    assert not isinstance(access.read(provider, token, now=NOW), Refused)
    head, body, _ = token.split(".")
    forged = f"{head}.{body}.{other.rpartition('.')[2]}"
    refused = access.read(provider, forged, now=NOW)
    assert isinstance(refused, Refused)
    assert refused.check == "signature_verifies"
    assert provider.signer.verified.parsed(forged) is None


def test_only_the_newest_tokens_are_remembered() -> None:
    verified = jose.Verified(most=2)
    tokens = [jose.Parsed(text, {}, {}) for text in ("a", "b", "c")]
    for token in tokens:
        verified.add(token)
    assert [verified.holds(token) for token in tokens] == [False, True, True]


def test_another_reading_of_a_token_is_not_the_one_whose_signature_was_right() -> None:
    verified = jose.Verified(most=2)
    verified.add(jose.Parsed("a", {}, {"sub": "sub-1"}))
    assert not verified.holds(jose.Parsed("a", {}, {"sub": "sub-2"}))
