"""Signing with the provider's keys, publishing them, and knowing its own tokens again.

ES256 signs unless a client was registered for RS256. The newest key signs; the newest two of each
kind are published, so that what was signed just before a rotation still verifies elsewhere.
Source: OpenID Connect Core 1.0 section 10.1.1; Discovery 1.0 section 3; RFC 7517.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from jwt import PyJWK

from identity.errors import UnknownKey
from identity.keys import KeyId, KeyStore, Purpose
from identity.oidc import jose

ES256: Final = "ES256"
RS256: Final = "RS256"
PURPOSES: Final[Mapping[str, Purpose]] = {
    ES256: Purpose.OIDC_SIGN_ES256,
    RS256: Purpose.OIDC_SIGN_RS256,
}
_PUBLISHED: Final = 2
_REMEMBERED: Final = 5_000


class Signer:
    """The provider's signing keys, over a key store that is open."""

    def __init__(self, keystore: KeyStore) -> None:
        self._keystore = keystore
        self._verifying: dict[KeyId, PyJWK] = {}
        self._headers: dict[tuple[str, KeyId], str] = {}
        self.verified = jose.Verified(_REMEMBERED)

    def sign(self, typ: str, claims: Mapping[str, Any], *, algorithm: str = ES256) -> str:
        """A compact JWS of an exact type, by the newest key of the algorithm."""
        key = self._keystore.current(PURPOSES[algorithm])
        header = self._headers.get((typ, key))
        if header is None:
            header = _part({"alg": algorithm, "kid": key.wire.decode(), "typ": typ})
            self._headers[typ, key] = header
        signing_input = f"{header}.{_part(claims)}"
        return f"{signing_input}.{jose.encoded(self._keystore.sign(key, signing_input.encode()))}"

    def jwks(self) -> Mapping[str, list[Mapping[str, str]]]:
        """The key set that is published."""
        return {
            "keys": [
                self._keystore.public_jwk(key)
                for purpose in PURPOSES.values()
                for key in reversed(self._keystore.generations(purpose)[-_PUBLISHED:])
            ]
        }

    def verifying_key(self, parsed: jose.Parsed) -> PyJWK | None:
        """Our key that a token of ours names, of any generation; None when it names none."""
        name = parsed.header.get("kid")
        purpose = PURPOSES.get(str(parsed.header.get("alg")))
        try:
            key = KeyId.from_wire(name.encode() if isinstance(name, str) else b"")
            return self._parsed_key(key) if key.purpose is purpose else None
        except UnknownKey:
            return None

    def _parsed_key(self, key: KeyId) -> PyJWK:
        if key not in self._verifying:
            self._verifying[key] = PyJWK.from_dict(dict(self._keystore.public_jwk(key)))
        return self._verifying[key]


def _part(content: Mapping[str, Any]) -> str:
    return jose.encoded(msgspec.json.encode(content))
