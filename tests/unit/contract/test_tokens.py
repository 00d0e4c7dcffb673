"""Our signed tokens: strict in type, key, algorithm and time.

Source: RFC 8725 (JWT best current practices), the attacks of its section 2.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.contract.tokens import (
    BUNDLE_TYPE,
    REQUEST_TYPE,
    check_times,
    key_id_of,
    sign_token,
    verify_signature,
    verify_token,
)
from readers.errors import TokenRefused

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
IAT = int(NOW.timestamp())


def claims(**changes: object) -> dict[str, Any]:
    return {"iat": IAT, "exp": IAT + 60, "aud": "kentcard", "sub": "t-1", **changes}


def signed(**changes: object) -> str:
    return sign_token(REQUEST_TYPE, claims(**changes), key_id="t-1", sign=KEY.sign)


def part(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def by_hand(header: object, payload: object, *, sign: bool = True) -> str:
    signing_input = f"{part(header)}.{part(payload)}"
    signature = KEY.sign(signing_input.encode()) if sign else b""
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def verified(token: str, *, now: datetime = NOW) -> dict[str, Any]:
    return verify_token(token, REQUEST_TYPE, KEY.public_key(), now=now, audience="kentcard")


def test_a_token_of_ours_is_read_back() -> None:
    assert verified(signed()) == claims()
    assert key_id_of(signed()) == "t-1"


def test_a_token_made_by_hand_is_the_same_token() -> None:
    header = {"alg": "EdDSA", "kid": "t-1", "typ": REQUEST_TYPE}
    assert verified(by_hand(header, claims())) == claims()


def symmetric_with_our_public_key() -> str:
    signing_input = f"{part({'alg': 'HS256', 'kid': 't-1', 'typ': REQUEST_TYPE})}.{part(claims())}"
    digest = hmac.digest(
        KEY.public_key().public_bytes_raw(), signing_input.encode(), hashlib.sha256
    )
    return f"{signing_input}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


GOOD = {"alg": "EdDSA", "kid": "t-1", "typ": REQUEST_TYPE}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b", id="two parts"),
        pytest.param("....", id="dots"),
        pytest.param("ü.ü.ü", id="no ASCII"),
        pytest.param(by_hand({**GOOD, "alg": "none"}, claims(), sign=False), id="alg none"),
        pytest.param(by_hand({**GOOD, "alg": "none"}, claims()), id="alg none, signed"),
        pytest.param(by_hand({**GOOD, "alg": "None"}, claims(), sign=False), id="alg None"),
        pytest.param(symmetric_with_our_public_key(), id="HS256 by our public key"),
        pytest.param(by_hand({**GOOD, "alg": "ES256"}, claims()), id="ES256"),
        pytest.param(by_hand({"kid": "t-1", "typ": REQUEST_TYPE}, claims()), id="no alg"),
        pytest.param(by_hand({**GOOD, "typ": BUNDLE_TYPE}, claims()), id="another type of ours"),
        pytest.param(by_hand({**GOOD, "typ": "JWT"}, claims()), id="any JWT"),
        pytest.param(by_hand({**GOOD, "typ": REQUEST_TYPE.upper()}, claims()), id="capitals"),
        pytest.param(by_hand({"alg": "EdDSA", "kid": "t-1"}, claims()), id="no type"),
        pytest.param(by_hand({**GOOD, "crit": ["exp"]}, claims()), id="crit we do not know"),
        pytest.param(by_hand(GOOD, claims(), sign=False), id="unsigned"),
        pytest.param(by_hand(GOOD, "[1]"), id="claims are a list"),
        pytest.param(by_hand(GOOD, "no JSON"), id="claims are no JSON"),
        pytest.param(signed(aud="elsewhere"), id="another audience"),
        pytest.param(signed(aud=["kentcard", "elsewhere"]), id="our audience and another"),
        pytest.param(signed(exp=IAT), id="expired this second"),
        pytest.param(signed(iat=IAT + 61), id="from the future"),
        pytest.param(signed(exp=str(IAT + 60)), id="exp is a text"),
        pytest.param(signed(exp=IAT + 60.5), id="exp has a fraction"),
        pytest.param(signed(iat=True), id="iat is true"),
        pytest.param(signed(iat=None), id="no iat"),
        pytest.param(signed() + "A", id="a longer signature"),
        pytest.param(signed()[:-2], id="a shorter signature"),
    ],
)  # fmt: skip
def test_a_hostile_token_is_refused_and_nothing_worse(token: str) -> None:
    with pytest.raises(TokenRefused):
        verified(token)


def test_a_token_signed_by_another_key_is_refused() -> None:
    token = sign_token(REQUEST_TYPE, claims(), key_id="t-1", sign=Ed25519PrivateKey.generate().sign)
    with pytest.raises(TokenRefused):
        verified(token)


def test_of_a_claim_written_twice_only_what_was_signed_last_counts() -> None:
    twice = json.dumps(claims())[:-1] + f', "exp": {IAT - 1}}}'
    with pytest.raises(TokenRefused):
        verified(by_hand(GOOD, twice))


@pytest.mark.parametrize("missing", ["iat", "exp", "aud"])
def test_a_token_without_a_claim_we_need_is_refused(missing: str) -> None:
    content = claims()
    del content[missing]
    with pytest.raises(TokenRefused):
        verified(sign_token(REQUEST_TYPE, content, key_id="t-1", sign=KEY.sign))


def test_a_clock_a_minute_apart_is_tolerated_and_no_more() -> None:
    assert verified(signed(), now=NOW - timedelta(seconds=60))
    with pytest.raises(TokenRefused):
        verified(signed(), now=NOW - timedelta(seconds=61))


def test_a_token_larger_than_allowed_is_not_even_parsed() -> None:
    with pytest.raises(TokenRefused, match="larger"):
        verify_token("x" * 9000, REQUEST_TYPE, KEY.public_key(), now=NOW, max_bytes=8192)


def test_a_signature_can_be_verified_now_and_the_times_later() -> None:
    old = signed(exp=IAT + 1)
    read = verify_signature(old, REQUEST_TYPE, KEY.public_key(), audience="kentcard")
    check_times(read, NOW)
    with pytest.raises(TokenRefused, match="expired"):
        check_times(read, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    "token",
    ["", "x", by_hand({"alg": "EdDSA"}, {}), by_hand({"alg": "EdDSA", "kid": 7}, {}), "ü.ü.ü"],
)
def test_a_token_that_names_no_key_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        key_id_of(token)
