"""The virtual cards one owns, kept in files so that they outlive the process."""

import re
import secrets
from pathlib import Path
from typing import Final

import msgspec

from readers.virtual.card import UID_BYTES, VirtualCard
from readers.virtual.errors import NoSuchCard

NXP: Final = b"\x04"
"""First byte of a DESFire UID. Source: ISO/IEC 7816-6, manufacturer NXP."""

_ID: Final = re.compile(r"[0-9a-f]{8}")


class _Stored(msgspec.Struct):
    label: str
    card: object


class KeptCard:
    """A card whose memory is written down whenever a command changed it.

    Attributes:
        id: names it in the drawer.
        label: what its owner wrote on it.
    """

    def __init__(self, file: Path, label: str, card: VirtualCard) -> None:
        self.id = file.stem
        self.label = label
        self._file = file
        self._card = card
        self._written = b""
        self._write()

    @property
    def uid(self) -> bytes:
        """Its 7 bytes."""
        return self._card.uid

    def tear_after(self, n: int | None) -> None:
        """See :meth:`VirtualCard.tear_after`."""
        self._card.tear_after(n)

    def reset(self) -> None:
        """See :meth:`VirtualCard.reset`."""
        self._card.reset()

    def transmit(self, command: bytes) -> bytes:
        """See :meth:`VirtualCard.transmit`."""
        try:
            return self._card.transmit(command)
        finally:
            self._write()

    def _write(self) -> None:
        state = msgspec.json.encode(_Stored(self.label, self._card.dump()))
        if state == self._written:
            return
        # Whole or not at all: the process may be killed at any moment. Mode 0600: it holds keys.
        unfinished = self._file.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(state)
        unfinished.replace(self._file)
        self._written = state


class Drawer:
    """All cards in one directory.

    Args:
        directory: made if missing.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._cards = {file.stem: _read(file) for file in sorted(directory.glob("*.json"))}

    @property
    def cards(self) -> tuple[KeptCard, ...]:
        """Every card, in the order of their making since the start, after those found there."""
        return tuple(self._cards.values())

    def take(self, card_id: str) -> KeptCard:
        """The card of that id.

        Raises:
            NoSuchCard: there is none.
        """
        if card_id not in self._cards:
            raise NoSuchCard(f"there is no card {card_id!r}")
        return self._cards[card_id]

    def add(self, label: str) -> KeptCard:
        """A new card as it leaves the factory."""
        uid = NXP + secrets.token_bytes(UID_BYTES - 1)
        card = KeptCard(self._directory / f"{secrets.token_hex(4)}.json", label, VirtualCard(uid))
        self._cards[card.id] = card
        return card


def _read(file: Path) -> KeptCard:
    if not _ID.fullmatch(file.stem):
        raise NoSuchCard(f"{file} is no card of ours; move it elsewhere")
    try:
        stored = msgspec.json.decode(file.read_bytes(), type=_Stored)
        return KeptCard(file, stored.label, VirtualCard.load(stored.card))
    except msgspec.MsgspecError as error:
        raise NoSuchCard(f"{file} holds no readable card: {error}") from error
