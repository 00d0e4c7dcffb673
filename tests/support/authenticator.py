"""A passkey authenticator in software: what it signs can be true, or wrong in one way."""

import json
import secrets
import struct
from hashlib import sha256
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

PRESENT, VERIFIED, WITH_KEY = 0x01, 0x04, 0x40
TRUE: Final = PRESENT | VERIFIED


class Authenticator:
    """One passkey on a device.

    Args:
        rp_id: the host it is for.
        origin: what the browser says it is on.
    """

    def __init__(self, rp_id: str, origin: str) -> None:
        self.rp_id = rp_id
        self.origin = origin
        self.credential_id = secrets.token_bytes(32)
        self.count = 0
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str, *, flags: int = TRUE) -> str:
        """The answer to creation options, as a browser sends it."""
        numbers = self._key.public_key().public_numbers()
        key = {
            1: 2,
            3: -7,
            -1: 1,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        attested = bytes(16) + struct.pack(">H", 32) + self.credential_id + cbor2.dumps(key)
        data = self._data(flags | WITH_KEY) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options)
        return self._answer(client, {"attestationObject": bytes_to_base64url(attestation)})

    def get(self, options: str, *, flags: int = TRUE) -> str:
        """The answer to request options; its counter rises first."""
        self.count += 1
        data, client = self._data(flags), self._client("webauthn.get", options)
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        answer = {
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(signature),
        }
        return self._answer(client, answer)

    def _data(self, flags: int) -> bytes:
        return sha256(self.rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _client(self, kind: str, options: str) -> bytes:
        challenge = json.loads(options)["challenge"]
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, client: bytes, response: dict[str, Any]) -> str:
        encoded = bytes_to_base64url(self.credential_id)
        response = {"clientDataJSON": bytes_to_base64url(client), **response}
        return json.dumps(
            {"id": encoded, "rawId": encoded, "type": "public-key", "response": response}
        )
