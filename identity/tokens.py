"""A PKCS#11 token: keys that are made in it, never leave it, and compute for us.

`python-pkcs11` starts a module without its locking and lets other threads run meanwhile, so two
sessions of two threads crash SoftHSM. Here one thread at a time is inside a module, with the one
session of each token.

Source: PKCS #11 Specification Version 3.1 (OASIS), sections 5.4 (C_Initialize), 5.6 (sessions) and
6 (mechanisms).
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as faults

from identity.errors import (
    KeyTokenAway,
    KeyTokenFull,
    KeyTokenLocked,
    KeyTokenMissing,
    UnknownKey,
    WrongPassphrase,
)
from identity.keys import KeyUse

T = TypeVar("T")
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_ED25519: Final = bytes.fromhex("06032b6570")
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
"""OIDs in DER. Source: RFC 8410 section 3; RFC 5480 section 2.1.1.1."""
_POINT_HEAD: Final = 2
"""Tag and length of the DER octet string around a point."""
_RSA_BITS: Final = 2048
_STAYS: Final[Mapping[Attribute, bool]] = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.MODIFIABLE: False,
    Attribute.SIGN: True,
}
_ONLY_MACS: Final = dict.fromkeys(
    (
        *(Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP),
        *(Attribute.DERIVE, Attribute.VERIFY),
    ),
    False,
)
_OF_EC: Final[Mapping[KeyUse, tuple[KeyType, bytes, Mechanism]]] = {
    KeyUse.SIGNATURE: (KeyType.EC_EDWARDS, _ED25519, Mechanism.EC_EDWARDS_KEY_PAIR_GEN),
    KeyUse.SIGNATURE_ES256: (KeyType.EC, _P256, Mechanism.EC_KEY_PAIR_GEN),
}
_SIGN_BY: Final[Mapping[KeyUse, tuple[Mechanism, Callable[[bytes], bytes]]]] = {
    KeyUse.SIGNATURE: (Mechanism.EDDSA, bytes),
    KeyUse.SIGNATURE_ES256: (Mechanism.ECDSA, lambda message: hashlib.sha256(message).digest()),
    KeyUse.SIGNATURE_RS256: (Mechanism.SHA256_RSA_PKCS, bytes),
}
_CLASSES: Final = (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)


class TokenPlace(msgspec.Struct, frozen=True):
    """Which token: the path of its PKCS#11 module, and its label."""

    module: Path
    label: str


class _Module:
    """A loaded module. Starting it anew ends every session of this process, which `epoch` tells."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.epoch = 0
        self._path = path

    def start(self) -> Any:  # noqa: ANN401  (the library's own class has no stable name)
        try:
            return pkcs11.lib(str(self._path))
        except (RuntimeError, OSError) as error:
            raise KeyTokenMissing(
                f"{self._path}: this PKCS#11 module cannot be loaded. "
                "Is KENTCARD_KEYS_MODULE right, and the module installed?"
            ) from error

    def start_anew(self) -> None:
        self.epoch += 1
        self.start().reinitialize()


_MODULES: Final[dict[Path, _Module]] = {}


class Token:
    """An open token. Safe to use from any thread; one computes at a time.

    Every method raises `KeyTokenAway` while the token does not answer, and works again when it is
    back: with the PIN it was opened with, a session is opened anew.
    """

    def __init__(self, place: TokenPlace, pin: str) -> None:
        """Open it.

        Raises:
            KeyTokenMissing: no such module, or no token of that label in it.
            WrongPassphrase: the PIN is wrong.
            KeyTokenLocked: too many wrong PINs, or the token has none.
        """
        self.place = place
        self._pin = pin
        self._module = _MODULES.setdefault(place.module, _Module(place.module))
        self._session: Any = None
        self._epoch = -1
        self._found: dict[tuple[ObjectClass, str], Any] = {}
        with self._module.lock:
            self._open(believed=False)

    def make_mac_key(self, name: str, *, bits: int, given: bytes | None = None) -> None:
        """A key for AES-CMAC that never leaves, made inside unless it is given.

        Raises:
            KeyTokenFull: no room; nothing was made.
        """
        template = {**_STAYS, **_ONLY_MACS}

        def make(session: Any) -> None:  # noqa: ANN401
            if given is None:
                named = {"id": name.encode(), "label": name}
                session.generate_key(KeyType.AES, bits, store=True, template=template, **named)
            else:
                session.create_object(_given(name, given, template))

        self._make(name, make)

    def make_signing_key(self, name: str, use: KeyUse) -> None:
        """A pair whose private half never leaves; raises as `make_mac_key`."""

        def make(session: Any) -> None:  # noqa: ANN401
            named = {"id": name.encode(), "label": name, "store": True, "private_template": _STAYS}
            if use is KeyUse.SIGNATURE_RS256:
                session.generate_keypair(KeyType.RSA, _RSA_BITS, **named)
                return
            kind, curve, mechanism = _OF_EC[use]
            parameters = {Attribute.EC_PARAMS: curve}
            domain = session.create_domain_parameters(kind, parameters, local=True)
            domain.generate_keypair(mechanism=mechanism, **named)

        self._make(name, make)

    def cmac(self, name: str, message: bytes) -> bytes:
        """AES-CMAC of the message, 16 bytes. Source: NIST SP 800-38B."""
        return self._with_key(
            ObjectClass.SECRET_KEY,
            name,
            lambda key: bytes(key.sign(message, mechanism=Mechanism.AES_CMAC)),
        )

    def sign(self, name: str, use: KeyUse, message: bytes) -> bytes:
        """Signature as JOSE writes it, which is as PKCS#11 does."""
        mechanism, prepared = _SIGN_BY[use]
        return self._with_key(
            ObjectClass.PRIVATE_KEY,
            name,
            lambda key: bytes(key.sign(prepared(message), mechanism=mechanism)),
        )

    def public_key(self, name: str, use: KeyUse) -> PublicKey:
        """The public half of a signing key."""
        return self._with_key(ObjectClass.PUBLIC_KEY, name, lambda key: _public(key, use))

    def holds(self, name: str) -> bool:
        """Whether there is a key of that name."""
        return self._do(lambda session: bool(_objects(session, name)))

    def destroy(self, name: str) -> None:
        """Destroy whatever has that name, for ever."""

        def destroy(session: Any) -> None:  # noqa: ANN401
            for each in _objects(session, name):
                each.destroy()

        self._do(destroy)
        self._found = {place: each for place, each in self._found.items() if place[1] != name}

    def _make(self, name: str, make: Callable[[Any], None]) -> None:
        """Tried once: of an attempt that ended half way, nothing is left to be taken for a key."""
        with self._module.lock:
            self.destroy(name)
            try:
                make(self._session)
            except faults.PKCS11Error as fault:
                with suppress(KeyTokenAway):
                    self.destroy(name)
                if isinstance(fault, faults.DeviceMemory):
                    raise KeyTokenFull(
                        f"The token {self.place.label} has no room for another key. "
                        "Nothing was added."
                    ) from fault
                raise self._away() from fault

    def _with_key(self, kind: ObjectClass, name: str, use: Callable[[Any], T]) -> T:
        def work(session: Any) -> T:  # noqa: ANN401
            if (kind, name) not in self._found:
                self._found[kind, name] = session.get_key(object_class=kind, label=name)
            return use(self._found[kind, name])

        return self._do(work)

    def _do(self, work: Callable[[Any], T]) -> T:
        """Do it; if the session is no longer good, once more in a new one."""
        with self._module.lock:
            if self._epoch == self._module.epoch:
                with suppress(faults.PKCS11Error):
                    return work(self._session)
            try:
                self._open(believed=True)
                return work(self._session)
            except faults.NoSuchKey as fault:
                raise UnknownKey(f"The token {self.place.label} lost a key.") from fault
            except (faults.PKCS11Error, KeyTokenMissing) as fault:
                raise self._away() from fault

    def _away(self) -> KeyTokenAway:
        return KeyTokenAway(
            f"The token {self.place.label} does not answer. Is it plugged in, and is what leads "
            "to it running? Nothing else is needed once it is back."
        )

    def _open(self, *, believed: bool) -> None:
        """A session, in a module started anew if the one before is no longer good.

        Args:
            believed: the PIN opened the token before. A module checks none while this process is
                signed in, so the first time it is started anew for that.
        """
        self._found.clear()
        if self._epoch == self._module.epoch or not believed:
            self._start_anew()
        try:
            token = self._module.start().get_token(token_label=self.place.label)
        except faults.PKCS11Error as fault:
            raise KeyTokenMissing(
                f"{self.place.module} has no token labelled {self.place.label}, or several."
            ) from fault
        self._session = _signed_in(token, self.place.label, self._pin)
        self._epoch = self._module.epoch

    def _start_anew(self) -> None:
        try:
            self._module.start_anew()
        except faults.PKCS11Error as fault:
            raise KeyTokenMissing(f"{self.place.module} does not start: {fault!r}.") from fault


def _signed_in(token: Any, label: str, pin: str) -> Any:  # noqa: ANN401
    try:
        return token.open(rw=True, user_pin=pin)
    except faults.UserAlreadyLoggedIn:
        return token.open(rw=True)
    except (faults.PinIncorrect, faults.PinInvalid, faults.PinLenRange) as fault:
        raise WrongPassphrase(f"The PIN does not open the token {label}.") from fault
    except (faults.PinLocked, faults.PinExpired, faults.UserPinNotInitialized) as fault:
        raise KeyTokenLocked(
            f"The token {label} takes no PIN ({type(fault).__name__}). "
            "Its security officer must set a new one."
        ) from fault


def _objects(session: Any, name: str) -> list[Any]:  # noqa: ANN401
    return [
        each
        for kind in _CLASSES
        for each in session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: name})
    ]


def _given(name: str, key: bytes, template: Mapping[Attribute, bool]) -> Mapping[Attribute, object]:
    return {
        **template,
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.VALUE: key,
        Attribute.LABEL: name,
        Attribute.ID: name.encode(),
    }


def _public(key: Any, use: KeyUse) -> PublicKey:  # noqa: ANN401
    if use is KeyUse.SIGNATURE_RS256:
        modulus, exponent = (
            int.from_bytes(key[part], "big")
            for part in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        )
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    point = key[Attribute.EC_POINT][_POINT_HEAD:]
    if use is KeyUse.SIGNATURE:
        return Ed25519PublicKey.from_public_bytes(point)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
