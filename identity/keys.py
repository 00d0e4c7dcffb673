"""Keys named by purpose and generation, and the store that uses them.

A caller never asks for a key where an answer computed with it will do: the store computes MACs
and signatures itself, so that a hardware module can stand in its place.
"""

import base64
import binascii
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from identity.errors import KeyMayNotLeave, KeyStoreDamaged, UnknownKey, WrongKeyUse
from identity.josekeys import JoseKey, new_es256, new_rs256, read_jose_key
from identity.keyfile import KeyFile


class Purpose(StrEnum):
    """What a key is for. A key is never used for two purposes."""

    CARD_PICC = "card.picc"
    CARD_MASTER = "card.master"
    CARD_WRITE = "card.write"
    CARD_READ_IDENTITY = "card.read-identity"
    CARD_READ_LIBRARY = "card.read-library"
    CARD_READ_LEISURE = "card.read-leisure"
    CARD_READ_TRAVEL = "card.read-travel"
    CARD_SPARE_6 = "card.spare-6"
    CARD_SPARE_7 = "card.spare-7"
    RECORD_SIGN = "record.sign"
    STATUS_SIGN = "status.sign"
    BUNDLE_SIGN = "bundle.sign"
    BUREAU_SIGN = "bureau.sign"
    SESSION_SIGN = "session.sign"
    AUDIT_SIGN = "audit.sign"
    OIDC_SIGN_ES256 = "oidc.sign-es256"
    OIDC_SIGN_RS256 = "oidc.sign-rs256"
    DATA = "data"
    INDEX = "index"


class KeyUse(Enum):
    """How a key works. The value is its length in bytes (of a secret) and a word for it."""

    CARD_MAC = (16, "AES-128 CMAC")
    SIGNATURE = (32, "Ed25519")
    SIGNATURE_ES256 = (32, "ECDSA P-256")
    SIGNATURE_RS256 = (256, "RSA 2048")
    SEALING = (32, "AES-256-GCM")
    INDEXING = (32, "HMAC-SHA256")


class _Trait(msgspec.Struct, frozen=True):
    short: str
    use: KeyUse
    may_leave: bool


_TRAITS: Mapping[Purpose, _Trait] = {
    Purpose.CARD_PICC: _Trait("pic", KeyUse.CARD_MAC, may_leave=False),
    Purpose.CARD_MASTER: _Trait("mas", KeyUse.CARD_MAC, may_leave=False),
    Purpose.CARD_WRITE: _Trait("wri", KeyUse.CARD_MAC, may_leave=False),
    Purpose.CARD_READ_IDENTITY: _Trait("rid", KeyUse.CARD_MAC, may_leave=True),
    Purpose.CARD_READ_LIBRARY: _Trait("rli", KeyUse.CARD_MAC, may_leave=True),
    Purpose.CARD_READ_LEISURE: _Trait("rle", KeyUse.CARD_MAC, may_leave=True),
    Purpose.CARD_READ_TRAVEL: _Trait("rtr", KeyUse.CARD_MAC, may_leave=True),
    Purpose.CARD_SPARE_6: _Trait("sp6", KeyUse.CARD_MAC, may_leave=False),
    Purpose.CARD_SPARE_7: _Trait("sp7", KeyUse.CARD_MAC, may_leave=False),
    Purpose.RECORD_SIGN: _Trait("rec", KeyUse.SIGNATURE, may_leave=False),
    Purpose.STATUS_SIGN: _Trait("sta", KeyUse.SIGNATURE, may_leave=False),
    Purpose.BUNDLE_SIGN: _Trait("bun", KeyUse.SIGNATURE, may_leave=False),
    Purpose.BUREAU_SIGN: _Trait("bur", KeyUse.SIGNATURE, may_leave=False),
    Purpose.SESSION_SIGN: _Trait("ses", KeyUse.SIGNATURE, may_leave=False),
    Purpose.AUDIT_SIGN: _Trait("aud", KeyUse.SIGNATURE, may_leave=False),
    Purpose.OIDC_SIGN_ES256: _Trait("oes", KeyUse.SIGNATURE_ES256, may_leave=False),
    Purpose.OIDC_SIGN_RS256: _Trait("ors", KeyUse.SIGNATURE_RS256, may_leave=False),
    Purpose.DATA: _Trait("dat", KeyUse.SEALING, may_leave=True),
    Purpose.INDEX: _Trait("idx", KeyUse.INDEXING, may_leave=True),
}
IN_TOKEN: Final = frozenset(each for each, trait in _TRAITS.items() if not trait.may_leave)
"""What a hardware token holds where there is one: whatever need never leave the store."""

_FOR_JOSE: Mapping[KeyUse, Callable[[], bytes]] = {
    KeyUse.SIGNATURE_ES256: new_es256,
    KeyUse.SIGNATURE_RS256: new_rs256,
}
_BY_SHORT = {trait.short: purpose for purpose, trait in _TRAITS.items()}


class KeyId(msgspec.Struct, frozen=True, order=True):
    """The name of one key.

    Attributes:
        purpose: what it is for.
        generation: 1 for the first key of that purpose, one more at each rotation.
    """

    purpose: Purpose
    generation: int

    @property
    def wire(self) -> bytes:
        """The name as a COSE or JOSE key id: `b"rec.1"`."""
        return f"{_TRAITS[self.purpose].short}.{self.generation}".encode()

    @classmethod
    def from_wire(cls, name: bytes) -> Self:
        """Read a key id of the form `b"rec.1"`.

        Raises:
            UnknownKey: the text is not a key id of ours.
        """
        short, _, digits = name.decode("ascii", "replace").partition(".")
        known = short in _BY_SHORT and digits.isascii() and digits.isdigit()
        if not known or len(digits) > 5 or digits[0] == "0":  # noqa: PLR2004  (99,999 rotations)
            raise UnknownKey(f"{name!r} is not a key id.")
        return cls(_BY_SHORT[short], int(digits))


class KeyStore(Protocol):
    """Keys that compute for you. Every method raises `UnknownKey` for a key it does not hold."""

    def generations(self, purpose: Purpose) -> tuple[KeyId, ...]:
        """Every key of the purpose, oldest first: what may still be met in use."""
        ...

    def current(self, purpose: Purpose) -> KeyId:
        """The newest key of the purpose: what to use from now on."""
        ...

    def cmac(self, key: KeyId, message: bytes) -> bytes:
        """AES-CMAC (16 bytes) of the message with a card key.

        Raises:
            WrongKeyUse: not a card key.
        """
        ...

    def sign(self, key: KeyId, message: bytes) -> bytes:
        """Signature as JOSE writes it: Ed25519 and ES256 in 64 bytes, RS256 in 256.

        Raises:
            WrongKeyUse: not a signing key.
        """
        ...

    def public_key(self, key: KeyId) -> Ed25519PublicKey:
        """The public half of an Ed25519 signing key.

        Raises:
            WrongKeyUse: not an Ed25519 signing key.
        """
        ...

    def public_jwk(self, key: KeyId) -> Mapping[str, str]:
        """The public half of an OpenID signing key as a JWK, with `kid`, `use` and `alg`.

        Raises:
            WrongKeyUse: not an OpenID signing key.
        """
        ...

    def reveal(self, key: KeyId) -> bytes:
        """The bytes of a key that may leave the store: terminals' read keys, data and index keys.

        Raises:
            KeyMayNotLeave: any other key.
        """
        ...

    def rotate(self, purpose: Purpose, *, now: datetime, given: bytes | None = None) -> KeyId:
        """Add a generation, or none at all. Every process that has the store open sees it.

        Args:
            purpose: of the new key.
            now: when.
            given: the key, 16 bytes, where custodians made it: a card key's only.

        Raises:
            WrongKeyUse: a key was given that is not a card key's, or of another length.
        """
        ...


class _SigningKey(msgspec.Struct, frozen=True):
    private: Ed25519PrivateKey
    public: Ed25519PublicKey


class _StoredKey(msgspec.Struct, frozen=True):
    created_at: datetime
    key: str


_Content = dict[str, list[_StoredKey]]


class FileKeyStore:
    """A key store in one encrypted file, for demonstrations and small sites.

    A store that is open sees what another process adds: keys can be rotated under running servers.
    While the file is away, the keys that are held are used.
    """

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._stamp = file.stamp()
        self._keys = _decode(file)
        self._in_order = _by_purpose(self._keys)
        self._jose_keys: dict[KeyId, JoseKey] = {}
        self._signing_keys: dict[KeyId, _SigningKey] = {}

    @classmethod
    def initialise(
        cls,
        path: Path,
        passphrase: str,
        *,
        now: datetime,
        elsewhere: Collection[Purpose] = frozenset(),
    ) -> Self:
        """Make a store with a first key of every purpose.

        Args:
            path: of the new file.
            passphrase: that shall open it.
            now: when.
            elsewhere: purposes whose keys a token holds: the file lists them without their bytes.

        Raises:
            KeyStoreExists: there is something at the path already.
            WeakPassphrase: fewer than twelve characters.
        """
        content: _Content = {
            purpose.value: [_stored(b"" if purpose in elsewhere else fresh(purpose), now)]
            for purpose in Purpose
        }
        return cls(KeyFile.create(path, passphrase, msgspec.json.encode(content)))

    @classmethod
    def open(cls, path: Path, passphrase: str) -> Self:
        """Open a store that was made before.

        Raises:
            KeyStoreMissing: nothing at the path.
            KeyStoreDamaged: the file is not a whole store.
            WrongPassphrase: the passphrase does not open it.
        """
        return cls(KeyFile.open(path, passphrase))

    def rotate(self, purpose: Purpose, *, now: datetime, given: bytes | None = None) -> KeyId:
        """Add a generation. Every process that has the store open sees it."""
        if given is not None:
            check_given(purpose, given)
        return self.add(purpose, lambda _: given or fresh(purpose), now=now)

    def add(self, purpose: Purpose, make: Callable[[KeyId], bytes], *, now: datetime) -> KeyId:
        """Add a generation that is made elsewhere once its name is known.

        Args:
            purpose: of the new key.
            make: given its name; what the file keeps of it, which is nothing where a token has it.
                If it raises, nothing was added.
            now: when.
        """
        with self._file.locked():
            content = _content(self._file)
            held = content.setdefault(purpose.value, [])
            key = KeyId(purpose, len(held) + 1)
            held.append(_stored(make(key), now))
            self._file.write(msgspec.json.encode(content))
        return key

    def generations(self, purpose: Purpose) -> tuple[KeyId, ...]:
        """Every key of the purpose, oldest first."""
        self._newest()
        if purpose not in self._in_order:
            raise UnknownKey(f"The key store holds no key for {purpose}.")
        return self._in_order[purpose]

    def current(self, purpose: Purpose) -> KeyId:
        """The newest key of the purpose."""
        return self.generations(purpose)[-1]

    def cmac(self, key: KeyId, message: bytes) -> bytes:
        """AES-CMAC of the message, 16 bytes.

        Source: NIST SP 800-38B.
        """
        mac = CMAC(AES(self._bytes(key, KeyUse.CARD_MAC)))
        mac.update(message)
        return mac.finalize()

    def sign(self, key: KeyId, message: bytes) -> bytes:
        """Signature as JOSE writes it.

        Source: RFC 8032 (Ed25519); RFC 7518 section 3.4 (ES256), section 3.3 (RS256).
        """
        if _TRAITS[key.purpose].use in _FOR_JOSE:
            return self._jose_key(key).sign(message)
        return self._signing_key(key).private.sign(message)

    def public_key(self, key: KeyId) -> Ed25519PublicKey:
        """The public half of an Ed25519 signing key."""
        return self._signing_key(key).public

    def public_jwk(self, key: KeyId) -> Mapping[str, str]:
        """The public half of an OpenID signing key.

        Source: RFC 7517 section 4.
        """
        jose_key = self._jose_key(key)
        about = {"kid": key.wire.decode(), "use": "sig", "alg": jose_key.algorithm}
        return {**jose_key.public_members(), **about}

    def reveal(self, key: KeyId) -> bytes:
        """The bytes of a key that may leave the store."""
        trait = _TRAITS[key.purpose]
        if not trait.may_leave:
            raise KeyMayNotLeave(f"Keys for {key.purpose} never leave the key store.")
        return self._bytes(key, trait.use)

    def _signing_key(self, key: KeyId) -> _SigningKey:
        """Derived once: every form that is sent back is checked with one."""
        if key not in self._signing_keys:
            private = Ed25519PrivateKey.from_private_bytes(self._bytes(key, KeyUse.SIGNATURE))
            self._signing_keys[key] = _SigningKey(private, private.public_key())
        return self._signing_keys[key]

    def _jose_key(self, key: KeyId) -> JoseKey:
        """Parsed once: reading an RSA key costs as much as signing with it."""
        if key not in self._jose_keys:
            use = _TRAITS[key.purpose].use
            self._jose_keys[key] = read_jose_key(
                self._bytes(key, use if use in _FOR_JOSE else KeyUse.SIGNATURE_ES256)
            )
        return self._jose_keys[key]

    def _bytes(self, key: KeyId, use: KeyUse) -> bytes:
        use_of(key, use)
        held = self._keys if key in self._keys else self._newest()
        if key not in held:
            raise UnknownKey(f"The key store does not hold {key.wire.decode()}.")
        if not held[key]:
            raise UnknownKey(f"{key.wire.decode()} is in a token, which was not opened.")
        return held[key]

    def _newest(self) -> Mapping[KeyId, bytes]:
        stamp = self._file.stamp()
        if stamp not in (self._stamp, None):
            self._keys, self._stamp = _decode(self._file), stamp
            self._in_order = _by_purpose(self._keys)
        return self._keys


def _by_purpose(keys: Iterable[KeyId]) -> Mapping[Purpose, tuple[KeyId, ...]]:
    ordered = sorted(keys)
    return {purpose: tuple(each) for purpose, each in groupby(ordered, key=attrgetter("purpose"))}


def use_of(key: KeyId, *uses: KeyUse) -> KeyUse:
    """How a key works.

    Raises:
        WrongKeyUse: in none of these ways.
    """
    found = _TRAITS[key.purpose].use
    if found not in uses:
        wanted = " or ".join(use.value[1] for use in uses)
        raise WrongKeyUse(f"{key.wire.decode()} is for {found.value[1]}, not {wanted}.")
    return found


def check_given(purpose: Purpose, given: bytes) -> None:
    """Raise `WrongKeyUse` unless people may bring such a key to the store."""
    use = _TRAITS[purpose].use
    if use is not KeyUse.CARD_MAC or len(given) != use.value[0]:
        raise WrongKeyUse("Only a card key of 16 bytes can be brought to the key store.")


def fresh(purpose: Purpose) -> bytes:
    """A new key of the purpose, as a file keeps it."""
    use = _TRAITS[purpose].use
    return _FOR_JOSE[use]() if use in _FOR_JOSE else secrets.token_bytes(use.value[0])


def _stored(key: bytes, now: datetime) -> _StoredKey:
    return _StoredKey(now.astimezone(UTC), base64.b64encode(key).decode())


def _content(file: KeyFile) -> _Content:
    try:
        return msgspec.json.decode(file.read(), type=_Content)
    except msgspec.DecodeError as error:
        raise KeyStoreDamaged(f"The key store at {file.path} holds no list of keys.") from error


def _decode(file: KeyFile) -> Mapping[KeyId, bytes]:
    try:
        return {
            KeyId(Purpose(name), generation): base64.b64decode(stored.key, validate=True)
            for name, keys in _content(file).items()
            for generation, stored in enumerate(keys, start=1)
        }
    except (ValueError, binascii.Error) as error:
        raise KeyStoreDamaged(
            f"The key store at {file.path} holds a key this version does not know."
        ) from error
