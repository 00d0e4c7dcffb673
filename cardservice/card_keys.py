"""A chip's own keys, derived inside the key store from the masters of their generations."""

from collections.abc import Iterable, Mapping
from typing import Final

from identity.keys import KeyId, KeyStore, Purpose
from readers.card.keys import AES128_CONSTANT, KeyAt, diversification_input
from readers.card.layout import (
    FILES,
    KENT_AID,
    KEY_COUNT,
    MASTER_KEY,
    PICC_AID,
    PICC_KEY,
    SPARE_KEYS,
    WRITE_KEY,
)
from readers.card.personalise import CardKeys
from readers.card.rolling import PICC, Candidates
from readers.contract.services import Service

READ_PURPOSES: Final[Mapping[Service, Purpose]] = {
    Service.IDENTITY: Purpose.CARD_READ_IDENTITY,
    Service.LIBRARY: Purpose.CARD_READ_LIBRARY,
    Service.LEISURE: Purpose.CARD_READ_LEISURE,
    Service.TRAVEL: Purpose.CARD_READ_TRAVEL,
}

_PURPOSES: Final[Mapping[int, Purpose]] = {
    MASTER_KEY: Purpose.CARD_MASTER,
    WRITE_KEY: Purpose.CARD_WRITE,
    **{layout.read_key: READ_PURPOSES[service] for service, layout in FILES.items()},
    **dict(zip(SPARE_KEYS, (Purpose.CARD_SPARE_6, Purpose.CARD_SPARE_7), strict=True)),
}

PURPOSES: Final[Mapping[str, Purpose]] = {
    PICC: Purpose.CARD_PICC,
    **{str(number): purpose for number, purpose in _PURPOSES.items()},
}
"""Every key of a chip by its name in `Card.key_generations` -> what its master is for."""

Generations = Mapping[str, int]

FIRST: Final[Generations] = dict.fromkeys(PURPOSES, 1)
"""What a card has while no key was ever rotated."""


def card_keys(keystore: KeyStore, uid: bytes, generations: Generations) -> CardKeys:
    """Every key of a chip.

    Args:
        keystore: holds the masters.
        uid: of the chip, 7 bytes.
        generations: of the masters, by the names of `PURPOSES`.

    Raises:
        ValueError: the UID has another length.
        UnknownKey: the store no longer holds a generation.
    """
    picc = KeyId(Purpose.CARD_PICC, generations[PICC])
    return CardKeys(
        picc=_derive(keystore, picc, diversification_input(uid, PICC_AID, PICC_KEY)),
        application={
            number: application_key(keystore, uid, number, generations)
            for number in range(KEY_COUNT)
        },
    )


def application_key(keystore: KeyStore, uid: bytes, number: int, generations: Generations) -> KeyAt:
    """One key of the Kent application on a chip; raises as `card_keys` does."""
    master = KeyId(_PURPOSES[number], generations[str(number)])
    return _derive(keystore, master, diversification_input(uid, KENT_AID, number))


def candidates(keystore: KeyStore, uid: bytes, name: str, versions: Iterable[int]) -> Candidates:
    """One key of a chip at each generation it may have; raises as `card_keys` does."""
    if name == PICC:
        message = diversification_input(uid, PICC_AID, PICC_KEY)
        masters = [KeyId(Purpose.CARD_PICC, version) for version in versions]
        return {master.generation: _derive(keystore, master, message) for master in masters}
    number = int(name)
    return {
        version: application_key(keystore, uid, number, {name: version}) for version in versions
    }


def _derive(keystore: KeyStore, master: KeyId, message: bytes) -> KeyAt:
    """AN10922 with 19 bytes of input, which is AES-CMAC over one constant byte and the input."""
    return KeyAt(keystore.cmac(master, AES128_CONSTANT + message), master.generation)
