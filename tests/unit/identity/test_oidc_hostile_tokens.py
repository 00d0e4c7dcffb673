"""Tokens that somebody made up, taken apart or bent, against the access token's whole gate.

The list is that of a trial of PyJWT's own defaults, which let four of these through: a logout
token, an expiry in text, an empty subject, and a name given twice.
"""

import base64
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import digest
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWT

from identity.keys import FileKeyStore, Purpose
from identity.oidc import access, jose
from identity.oidc.checks import Refused
from identity.oidc.provider import Provider
from identity.oidc.signing import ES256, PURPOSES, Signer
from identity.personal import Vault
from tests.support.oidc import new_key
from tests.support.oidc_cases import ISSUER, NOW, SECONDS

KEY, JWK = new_key()
CLAIMS: Final = {
    "iss": ISSUER,
    "aud": ISSUER,
    "sub": "kc-1",
    "client_id": "kc-1",
    "scope": "entitlements:check",
    "iat": SECONDS,
    "exp": SECONDS + 60,
    "jti": "id-1",
}


class Forge:
    """Makes tokens with the provider's own keys, and with others."""

    def __init__(self, keystore: FileKeyStore) -> None:
        self.signer = Signer(keystore)
        self.provider = Provider(ISSUER, self.signer, Vault(keystore))
        self.kid = str(self.signer.jwks()["keys"][0]["kid"])

    def ours(self, typ: str = access.TYPE, **changed: object) -> str:
        """Really signed by the provider."""
        claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
        return self.signer.sign(typ, claims)

    def raw(self, header: str | Mapping[str, Any], payload: str | Mapping[str, Any]) -> str:
        """Really signed by the provider's ES256 key, whatever is in it."""
        signing_input = f"{part(header)}.{part(payload)}"
        keystore = self.signer._keystore  # noqa: SLF001  (nobody outside may sign what they like)
        key = keystore.current(access_purpose())
        return f"{signing_input}.{jose.encoded(keystore.sign(key, signing_input.encode()))}"

    def header(self, **more: object) -> dict[str, object]:
        return {"alg": "ES256", "kid": self.kid, "typ": access.TYPE, **more}

    def foreign(self, **header: object) -> str:
        """Signed by somebody else's key."""
        return PyJWT().encode(CLAIMS, KEY, algorithm="ES256", headers=self.header(**header))

    def answer(self, token: str) -> Mapping[str, Any] | Refused:
        return access.read(self.provider, token, now=NOW)


def access_purpose() -> Purpose:
    return PURPOSES[ES256]


def part(content: str | Mapping[str, Any]) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return jose.encoded(text.encode())


def unsigned(alg: str) -> Callable[[Forge], str]:
    return lambda forge: f"{part(forge.header(alg=alg))}.{part(CLAIMS)}."


def hmac_with_public_key(forge: Forge) -> str:
    """HS256 with the PEM of the public key as its secret."""
    key = forge.signer.verifying_key(jose.Parsed("", forge.header(), {}))
    assert key is not None
    pem = key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{part(forge.header(alg='HS256'))}.{part(CLAIMS)}"
    return f"{signing_input}.{jose.encoded(digest(pem, signing_input.encode(), sha256))}"


def by_rsa(forge: Forge) -> str:
    key = rsa.generate_private_key(65537, 2048)
    return PyJWT().encode(CLAIMS, key, algorithm="RS256", headers=forge.header(alg="RS256"))


def with_signature(signature: bytes) -> Callable[[Forge], str]:
    return lambda forge: f"{forge.ours().rsplit('.', 1)[0]}.{jose.encoded(signature)}"


def payload_swapped(forge: Forge) -> str:
    header, _, signature = forge.ours().split(".")
    return f"{header}.{part({**CLAIMS, 'sub': 'admin'})}.{signature}"


def truncated(forge: Forge) -> str:
    return forge.ours()[:-8]


def last_bits_changed(forge: Forge) -> str:
    """Another spelling of the same signature: its last letter carries four unused bits."""
    token = forge.ours()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def standard_alphabet(forge: Forge) -> str:
    while True:
        token = forge.ours()
        if {"-", "_"} & set(token):
            return token.replace("-", "+").replace("_", "/")


HOSTILE: Final[Mapping[str, Callable[[Forge], str]]] = {
    "alg none": unsigned("none"),
    "alg nOnE": unsigned("nOnE"),
    "alg empty": unsigned(""),
    "HS256 with the public key": hmac_with_public_key,
    "RS256 by another key": by_rsa,
    "ES256 by another key": Forge.foreign,
    "embedded jwk": lambda forge: forge.foreign(jwk=JWK),
    "jku": lambda forge: forge.foreign(jku="https://evil.example/jwks"),
    "x5u": lambda forge: forge.foreign(x5u="https://evil.example/cert"),
    "x5c": lambda forge: forge.foreign(x5c=["AAAA"]),
    "kid is a path": lambda forge: forge.foreign(kid="../../../../dev/null"),
    "kid is SQL": lambda forge: forge.foreign(kid="oes.1' OR '1'='1"),
    "kid of a card key": lambda forge: forge.foreign(kid="wri.1"),
    "kid of a data key": lambda forge: forge.foreign(kid="dat.1"),
    "kid of the other algorithm": lambda forge: forge.foreign(kid="ors.1"),
    "kid of no generation": lambda forge: forge.foreign(kid="oes.99"),
    "kid is a number": lambda forge: forge.raw(forge.header(kid=1), CLAIMS),
    "kid is a list": lambda forge: forge.raw(forge.header(kid=["oes.1"]), CLAIMS),
    "no kid": lambda forge: forge.raw({"alg": "ES256", "typ": access.TYPE}, CLAIMS),
    "alg is a list": lambda forge: forge.raw(forge.header(alg=["ES256"]), CLAIMS),
    "r and s are zero": with_signature(bytes(64)),
    "no signature": lambda forge: forge.ours().rsplit(".", 1)[0] + ".",
    "signature is one byte": with_signature(b"\x01"),
    "signature in DER": with_signature(b"\x30\x06\x02\x01\x01\x02\x01\x01"),
    "signature cut short": truncated,
    "signature spelt otherwise": last_bits_changed,
    "payload swapped": payload_swapped,
    "unknown critical header": lambda f: f.raw(f.header(crit=["exp"]), CLAIMS),
    "b64 false": lambda f: f.raw(f.header(b64=False, crit=["b64"]), CLAIMS),
    "expired": lambda forge: forge.ours(exp=SECONDS),
    "not before is later": lambda forge: forge.ours(nbf=SECONDS + 3600),
    "issued in the future": lambda forge: forge.ours(iat=SECONDS + 3600),
    "no expiry": lambda forge: forge.ours(exp=None),
    "no issuer": lambda forge: forge.ours(iss=None),
    "no audience": lambda forge: forge.ours(aud=None),
    "no subject": lambda forge: forge.ours(sub=None),
    "no id": lambda forge: forge.ours(jti=None),
    "no client": lambda forge: forge.ours(client_id=None),
    "expiry is infinity": lambda f: f.raw(f.header(), json.dumps({**CLAIMS, "exp": float("inf")})),
    "expiry is not a number": lambda f: f.raw(
        f.header(), json.dumps({**CLAIMS, "exp": float("nan")})
    ),
    "expiry is a list": lambda forge: forge.ours(exp=[SECONDS + 60]),
    "expiry is true": lambda forge: forge.ours(exp=True),
    "expiry is a fraction": lambda forge: forge.ours(exp=SECONDS + 60.5),
    "expiry is text": lambda forge: forge.ours(exp=str(SECONDS + 60)),
    "expiry is enormous": lambda forge: forge.ours(exp=10**30),
    "expiry is negative": lambda forge: forge.ours(exp=-1),
    "other audience": lambda forge: forge.ours(aud="https://another.example"),
    "audience is a list": lambda forge: forge.ours(aud=[ISSUER]),
    "audience is longer": lambda forge: forge.ours(aud=f"{ISSUER}.evil.example"),
    "other issuer": lambda forge: forge.ours(iss="https://another.example"),
    "issuer is a list": lambda forge: forge.ours(iss=[ISSUER]),
    "subject is a number": lambda forge: forge.ours(sub=1),
    "subject is empty": lambda forge: forge.ours(sub=""),
    "id is a number": lambda forge: forge.ours(jti=1),
    "id is empty": lambda forge: forge.ours(jti=""),
    "a logout token": lambda forge: forge.ours("logout+jwt"),
    "an ID token": lambda forge: forge.ours("JWT"),
    "type in capitals": lambda forge: forge.ours("AT+JWT"),
    "a claim twice": lambda f: f.raw(f.header(), json.dumps(CLAIMS)[:-1] + ', "sub": "admin"}'),
    "a header twice": lambda f: f.raw(json.dumps(f.header())[:-1] + ', "alg": "ES256"}', CLAIMS),
    "payload is a list": lambda forge: forge.raw(forge.header(), "[1]"),
    "header is text": lambda forge: forge.raw('"ES256"', CLAIMS),
    "five parts, encrypted": lambda _: "eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA",
    "newline inside": lambda forge: forge.ours().replace(".", ".\n", 1),
    "padding": lambda forge: f"{forge.ours()}=",
    "the other alphabet": standard_alphabet,
    "garbage": lambda _: "garbage",
    "empty": lambda _: "",
    "two dots": lambda _: "..",
    "not ASCII": lambda forge: forge.ours() + "é",
    "not UTF-8": lambda forge: forge.raw(
        forge.header(), base64.b64decode("/////w==").decode("latin-1")
    ),
    "nested deeply": lambda forge: forge.raw(forge.header(), "[" * 4000),
    "too large": lambda forge: forge.ours(scope="x" * jose.LARGEST_TOKEN),
    "header of a megabyte": lambda forge: forge.raw(forge.header(x="x" * 2**20), CLAIMS),
}


@pytest.fixture(scope="module")
def forge(keystore: FileKeyStore) -> Forge:
    return Forge(keystore)


def test_a_token_in_order_is_accepted(forge: Forge) -> None:
    assert forge.answer(forge.ours()) == CLAIMS
    assert forge.answer(forge.raw(forge.header(), CLAIMS)) == CLAIMS


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_is_refused(forge: Forge, name: str) -> None:
    token = HOSTILE[name](forge)
    answer = forge.answer(token)
    assert isinstance(answer, Refused)
    assert answer.error == "invalid_token"
    assert token not in answer.description or not token
    assert answer.description.isascii()


def test_a_token_of_the_largest_size_is_still_read(forge: Forge) -> None:
    spare = (jose.LARGEST_TOKEN - len(forge.ours(scope=""))) * 3 // 4 - 3
    token = forge.ours(scope="x" * spare)
    assert jose.LARGEST_TOKEN - 8 < len(token) <= jose.LARGEST_TOKEN
    assert not isinstance(forge.answer(token), Refused)
