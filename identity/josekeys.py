"""The two kinds of key that sign for others' libraries: ES256 by default, RS256 where one must.

Source: RFC 7518 sections 3.3, 3.4 and 6; OpenID Connect Discovery 1.0 section 3 (RS256 is offered).
"""

import base64
from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

_P256_BYTES: Final = 32
_ECDSA: Final = ec.ECDSA(SHA256())
_RSA_BITS: Final = 2048
_RSA_EXPONENT: Final = 65537


class JoseKey(Protocol):
    """A private key that signs as JOSE writes signatures."""

    algorithm: str

    def sign(self, message: bytes) -> bytes:
        """The signature of the message."""
        ...

    def public_members(self) -> Mapping[str, str]:
        """The members of the public JWK that depend on the kind of key, with `kty`."""
        ...


class Es256Key:
    """ECDSA on P-256 with SHA-256."""

    algorithm = "ES256"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """The two numbers of the signature, 32 bytes each."""
        r, s = decode_dss_signature(self._key.sign(message, _ECDSA))
        return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")

    def public_members(self) -> Mapping[str, str]:
        """Curve and point."""
        return ec_members(self._key.public_key())


class Rs256Key:
    """RSASSA-PKCS1-v1_5 with SHA-256."""

    algorithm = "RS256"

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """As long as the modulus."""
        return self._key.sign(message, padding.PKCS1v15(), SHA256())

    def public_members(self) -> Mapping[str, str]:
        """Modulus and exponent."""
        return rsa_members(self._key.public_key())


def ec_members(key: ec.EllipticCurvePublicKey) -> Mapping[str, str]:
    """Of the public JWK: curve and point. Source: RFC 7518 section 6.2.1."""
    point = key.public_numbers()
    x, y = (_number(value, _P256_BYTES) for value in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def rsa_members(key: rsa.RSAPublicKey) -> Mapping[str, str]:
    """Of the public JWK: modulus and exponent. Source: RFC 7518 section 6.3.1."""
    numbers = key.public_numbers()
    modulus, exponent = (
        _number(value, (value.bit_length() + 7) // 8) for value in (numbers.n, numbers.e)
    )
    return {"kty": "RSA", "n": modulus, "e": exponent}


def new_es256() -> bytes:
    """A new key to keep, DER."""
    return _der(ec.generate_private_key(ec.SECP256R1()))


def new_rs256() -> bytes:
    """A new key to keep, DER."""
    return _der(rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS))


def read_jose_key(der: bytes) -> JoseKey:
    """A key that was kept.

    Raises:
        ValueError: not one of our two kinds.
    """
    key = load_der_private_key(der, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return Es256Key(key)
    if isinstance(key, rsa.RSAPrivateKey):
        return Rs256Key(key)
    raise ValueError("The key is neither ECDSA nor RSA.")


def _der(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _number(value: int, length: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()
