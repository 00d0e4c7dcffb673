"""A key store whose keys are in a PKCS#11 token, but for those that must leave any store.

What terminals are given (the read masters) and what seals and indexes every column (thousands of
times a second) is in a file beside, which only a key inside the token opens. The file also lists
every generation, so that a key the token has and the file does not was never in use.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from identity.errors import KeyMayNotLeave, KeyStoreExists, KeyStoreMissing, UnknownKey
from identity.josekeys import ec_members, rsa_members
from identity.keys import IN_TOKEN, FileKeyStore, KeyId, KeyUse, Purpose, check_given, use_of
from identity.tokens import PublicKey, Token

FILE_KEY: Final = "kent-card-file"
_FILE_KEY_BITS: Final = 256
_CARD_KEY_BITS: Final = 128
_COUNTERS: Final = (b"\x01", b"\x02")
_SIGNATURES: Final = (KeyUse.SIGNATURE, KeyUse.SIGNATURE_ES256, KeyUse.SIGNATURE_RS256)


class TokenKeyStore:
    """Keys in a token and a file that it opens; see `KeyStore` for what each method raises.

    Besides, whatever must be computed in the token raises `KeyTokenAway` while it does not answer.
    """

    def __init__(self, token: Token, file: FileKeyStore) -> None:
        self._token = token
        self._file = file
        self._public: dict[KeyId, PublicKey] = {}

    @classmethod
    def initialise(cls, path: Path, token: Token, *, now: datetime) -> Self:
        """Make a first key of every purpose, in an empty token and a new file.

        Of an attempt that ended half way there is no file; what it left in the token is replaced.

        Raises:
            KeyStoreExists: there is something at the path already.
            KeyTokenFull: the token has no room.
        """
        if path.exists():
            raise KeyStoreExists(f"There is already a key store at {path}; it was not touched.")
        token.make_mac_key(FILE_KEY, bits=_FILE_KEY_BITS)
        for purpose in sorted(IN_TOKEN):
            _make(token, KeyId(purpose, 1))
        file = FileKeyStore.initialise(path, _passphrase(token), now=now, elsewhere=IN_TOKEN)
        return cls(token, file)

    @classmethod
    def open(cls, path: Path, token: Token) -> Self:
        """Open a store that was made before.

        Raises:
            KeyStoreMissing: nothing at the path, or the token holds no key for it.
            KeyStoreDamaged: the file is not a whole store.
            WrongPassphrase: the file belongs to another token.
        """
        if not token.holds(FILE_KEY):
            raise KeyStoreMissing(f"The token {token.place.label} holds no keys of a Kent Card.")
        return cls(token, FileKeyStore.open(path, _passphrase(token)))

    def generations(self, purpose: Purpose) -> tuple[KeyId, ...]:
        """Every key of the purpose, oldest first."""
        return self._file.generations(purpose)

    def current(self, purpose: Purpose) -> KeyId:
        """The newest key of the purpose."""
        return self._file.current(purpose)

    def cmac(self, key: KeyId, message: bytes) -> bytes:
        """AES-CMAC of the message, 16 bytes; inside the token but for the terminals' read keys."""
        use_of(key, KeyUse.CARD_MAC)
        if key.purpose in IN_TOKEN:
            return self._token.cmac(self._known(key), message)
        return self._file.cmac(key, message)

    def sign(self, key: KeyId, message: bytes) -> bytes:
        """Signature as JOSE writes it, made inside the token."""
        use = use_of(key, *_SIGNATURES)
        return self._token.sign(self._known(key), use, message)

    def public_key(self, key: KeyId) -> Ed25519PublicKey:
        """The public half of an Ed25519 signing key."""
        use_of(key, KeyUse.SIGNATURE)
        public = self._public_half(key)
        if not isinstance(public, Ed25519PublicKey):
            raise TypeError("an Ed25519 key has an Ed25519 public half")
        return public

    def public_jwk(self, key: KeyId) -> Mapping[str, str]:
        """The public half of an OpenID signing key. Source: RFC 7517 section 4."""
        use_of(key, KeyUse.SIGNATURE_ES256, KeyUse.SIGNATURE_RS256)
        public = self._public_half(key)
        about = {"kid": key.wire.decode(), "use": "sig"}
        if isinstance(public, ec.EllipticCurvePublicKey):
            return {**ec_members(public), **about, "alg": "ES256"}
        if isinstance(public, rsa.RSAPublicKey):
            return {**rsa_members(public), **about, "alg": "RS256"}
        raise TypeError("an OpenID key is neither ECDSA nor RSA")

    def reveal(self, key: KeyId) -> bytes:
        """The bytes of a key that may leave the store: none of those in the token."""
        if key.purpose in IN_TOKEN:
            raise KeyMayNotLeave(f"Keys for {key.purpose} never leave the token.")
        return self._file.reveal(key)

    def rotate(self, purpose: Purpose, *, now: datetime, given: bytes | None = None) -> KeyId:
        """Add a generation: in the token first, then in the list by which it counts."""
        if given is not None:
            check_given(purpose, given)
        if purpose not in IN_TOKEN:
            return self._file.rotate(purpose, now=now, given=given)

        def make(key: KeyId) -> bytes:
            _make(self._token, key, given)
            return b""

        return self._file.add(purpose, make, now=now)

    def _public_half(self, key: KeyId) -> PublicKey:
        """Fetched once: every form that is sent back is checked with one."""
        if key not in self._public:
            use = use_of(key, *_SIGNATURES)
            self._public[key] = self._token.public_key(self._known(key), use)
        return self._public[key]

    def _known(self, key: KeyId) -> str:
        """The key's name in the token: it is not asked for a key that is not listed."""
        name = key.wire.decode()
        if key not in self.generations(key.purpose):
            raise UnknownKey(f"The key store does not hold {name}.")
        return name


def _make(token: Token, key: KeyId, given: bytes | None = None) -> None:
    use = use_of(key, KeyUse.CARD_MAC, *_SIGNATURES)
    name = key.wire.decode()
    if use is KeyUse.CARD_MAC:
        token.make_mac_key(name, bits=_CARD_KEY_BITS, given=given)
    else:
        token.make_signing_key(name, use)


def _passphrase(token: Token) -> str:
    """What opens the file: 256 bits that only this token can compute.

    Source: NIST SP 800-108r1 section 4.1 (KDF in counter mode, CMAC as its function).
    """
    about = FILE_KEY.encode() + b"\0" + _FILE_KEY_BITS.to_bytes(2, "big")
    blocks = (token.cmac(FILE_KEY, counter + about) for counter in _COUNTERS)
    return b"".join(blocks).hex()
