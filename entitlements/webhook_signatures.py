"""How a webhook is signed, so that a partner knows that it is ours, whole and of now.

Two signatures of each secret: a keyed hash (`v1`), and one (`v1a`) that the partner checks with a
public key, so that nobody who can check it can make it.
Source: Standard Webhooks 1.0.0, "Signature scheme".
"""

import base64
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET_BYTES: Final = 32
_SECRET: Final = "whsec_"  # noqa: S105  (a prefix)
_PUBLIC: Final = "whpk_"


class SigningSecret(msgspec.Struct, frozen=True):
    """What one generation of an endpoint's messages is signed with.

    Attributes:
        shared: for `v1`; the partner has it too.
        seed: of the Ed25519 key for `v1a`; nobody else has it.
    """

    shared: bytes
    seed: bytes

    @property
    def shown(self) -> str:
        """The shared secret as it is given to the partner, once."""
        return _SECRET + base64.b64encode(self.shared).decode()

    @property
    def public_key(self) -> str:
        """The key that checks `v1a`; it may be shown to anybody."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return _PUBLIC + base64.b64encode(raw).decode()


def new_secret() -> SigningSecret:
    """A secret that nobody had."""
    return SigningSecret(secrets.token_bytes(SECRET_BYTES), secrets.token_bytes(SECRET_BYTES))


def headers(
    message_id: str, body: bytes, signing: Iterable[SigningSecret], *, now: datetime
) -> Mapping[str, str]:
    """The three headers of a message.

    Args:
        message_id: the same however often it is sent; no `.` is in it.
        body: exactly as it is sent.
        signing: the endpoint's secrets that are in use, the newest first.
        now: when it is sent.
    """
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(each for one in signing for each in _signatures(one, signed)),
    }


def _signatures(one: SigningSecret, signed: bytes) -> tuple[str, str]:
    keyed = hmac.new(one.shared, signed, sha256).digest()
    by_key = Ed25519PrivateKey.from_private_bytes(one.seed).sign(signed)
    return f"v1,{base64.b64encode(keyed).decode()}", f"v1a,{base64.b64encode(by_key).decode()}"
