"""Cards, their keys, and channels that remember, repeat or spoil what passes through them."""

from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from secrets import token_bytes
from typing import Final

import pytest

from readers.card.apdu import Procedure, run
from readers.card.authentication import authenticate_ev2_first
from readers.card.channel import Channel
from readers.card.codes import Status
from readers.card.keys import KeyAt, diversification_input, diversify
from readers.card.layout import FILES, KENT_AID, KEY_COUNT, PICC_AID, PICC_KEY
from readers.card.personalise import CardKeys, personalise, read_service
from readers.card.procedures import create_application, select_application
from readers.card.secure import SecureSession
from readers.contract.services import Service
from readers.errors import CardRefused
from readers.virtual.card import VirtualCard

ZERO: Final = bytes(16)
ALL_FREE: Final = 0x0F
MASTER_ONLY: Final = 0x09
UID: Final = bytes.fromhex("04112233445566")

RECORDS: Final[Mapping[Service, bytes]] = {
    service: bytes([service.code]) * (130 + service.code) for service in Service
}
"""Stands for signed records: the card does not look into them."""


def keys_for(uid: bytes, *, issuer: bytes = b"kent", generation: int = 1) -> CardKeys:
    """A card's keys, diversified from master keys that are made up for an issuer."""

    def key(aid: bytes, key_no: int) -> KeyAt:
        master = (issuer + aid + bytes([key_no])).ljust(16, b".")
        return KeyAt(diversify(master, diversification_input(uid, aid, key_no)), generation)

    application = {key_no: key(KENT_AID, key_no) for key_no in range(KEY_COUNT)}
    return CardKeys(picc=key(PICC_AID, PICC_KEY), application=application)


KEYS: Final = keys_for(UID)


def kent_card(records: Mapping[Service, bytes] = RECORDS) -> VirtualCard:
    """A card with :data:`UID`, personalised with :data:`KEYS`."""
    card = VirtualCard(UID)
    run(personalise(KEYS, records, random=token_bytes), card)
    card.reset()
    return card


def card_with(settings: int = ALL_FREE, keys: int = 4) -> VirtualCard:
    """A factory card with a selected application of zero keys."""
    card = VirtualCard(UID)
    run(create_application(None, KENT_AID, key_settings=settings, key_count=keys), card)
    run(select_application(KENT_AID), card)
    return card


def opened(card: Channel, key_no: int) -> SecureSession:
    """A session with the Kent application under one of :data:`KEYS`."""
    run(select_application(KENT_AID), card)
    key = KEYS.application[key_no].key
    return run(authenticate_ev2_first(key_no, key, random=token_bytes), card)


def opens(key_no: int, key: bytes = ZERO) -> Procedure[SecureSession]:
    """Authenticates with a key of what is selected."""
    return authenticate_ev2_first(key_no, key, random=token_bytes)


def under(card: Channel, key_no: int, key: bytes = ZERO) -> SecureSession:
    """A session under a key of what is selected."""
    return run(opens(key_no, key), card)


def refused(procedure: Procedure[object], channel: Channel) -> Status:
    """The status with which a card refuses it."""
    with pytest.raises(CardRefused) as refusal:
        run(procedure, channel)
    return Status(refusal.value.status)


def sent(card: VirtualCard, command: str) -> str:
    """The answer to a command; both in hexadecimal digits."""
    return card.transmit(bytes.fromhex(command)).hex().upper()


def read(channel: Channel, service: Service) -> bytes:
    """What the terminal of that service reads."""
    key = KEYS.application[FILES[service].read_key].key
    return run(read_service(key, service, random=token_bytes), channel)


def chosen(*values: bytes) -> Callable[[int], bytes]:
    """Randomness that is known beforehand; it must be asked for in these lengths."""
    remaining = iter(values)

    def take(count: int) -> bytes:
        value = next(remaining)
        assert len(value) == count
        return value

    return take


class Recording:
    """Passes everything on and keeps it, as pairs of command and answer."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.pairs: list[tuple[bytes, bytes]] = []

    def transmit(self, command: bytes) -> bytes:
        answer = self._channel.transmit(command)
        self.pairs.append((command, answer))
        return answer


class Transcript:
    """Answers as written down, provided it is asked what was written down."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = iter(pairs)

    def transmit(self, command: bytes) -> bytes:
        expected, answer = next(self._pairs)
        assert command.hex() == expected.lower()
        return bytes.fromhex(answer)


class Answering:
    """A card that says these things whatever it is asked; its last word it says for ever."""

    def __init__(self, *answers: str, first: Channel | None = None, honest: int = 0) -> None:
        self._first = first
        self._honest = honest
        self._answers: Iterable[str] = iter([*answers[:-1]])
        self._last = repeat(answers[-1])
        self.asked = 0

    def transmit(self, command: bytes) -> bytes:
        self.asked += 1
        if self._first is not None and self.asked <= self._honest:
            return self._first.transmit(command)
        return bytes.fromhex(next(iter(self._answers), None) or next(self._last))


class Tampering:
    """Flips one bit of one answer; ``at`` counts commands from 1."""

    def __init__(self, channel: Channel, *, at: int, byte: int, bit: int = 0) -> None:
        self._channel = channel
        self._at = at
        self._byte = byte
        self._bit = bit
        self._asked = 0

    def transmit(self, command: bytes) -> bytes:
        self._asked += 1
        answer = bytearray(self._channel.transmit(command))
        if self._asked == self._at:
            answer[self._byte] ^= 1 << self._bit
        return bytes(answer)
