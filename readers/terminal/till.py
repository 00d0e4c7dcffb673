"""What a till beside the terminal is told of an accepted tap: once, while its token lasts."""

import threading
from datetime import datetime
from enum import Enum, auto

import msgspec

from readers.clock import Clock
from readers.contract import tap_tokens
from readers.contract.record import Record
from readers.contract.services import Service
from readers.terminal.state import Identity
from readers.terminal.till_secret import Secret


class TillTap(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted tap, as ``GET /till/tap`` answers it.

    Attributes:
        token: for ``POST /api/v1/checks``, see :mod:`readers.contract.tap_tokens`.
        at: when the card was read, by the terminal's clock.
        expires: from when the token is worth nothing.
    """

    service: Service
    token: str
    at: datetime
    expires: datetime

    def __repr__(self) -> str:
        """Without the token: it must not reach a log."""
        return f"TillTap(service={self.service!r}, at={self.at!r})"


class NoTap(Enum):
    """Why whoever waited for a tap got none."""

    NONE_CAME = auto()
    ANOTHER_ASKED = auto()


class Till:
    """Holds the token of the last accepted tap until the till takes it. Used by several threads.

    Args:
        identity: whose key signs tokens.
        secret: what the till shows.
        clock: answers ``now``.
    """

    def __init__(self, identity: Identity, secret: Secret, clock: Clock) -> None:
        self._identity = identity
        self.secret = secret
        self._clock = clock
        self._changed = threading.Condition()
        self._tap: TillTap | None = None
        self._asked = 0
        self._closed = False

    def tapped(self, record: Record, *, now: datetime) -> None:
        """A tap at `now` was accepted by this record."""
        token = tap_tokens.make(
            self._identity.terminal_id,
            record.service,
            record.status_index,
            sign=self._identity.sign,
            now=now,
        )
        tap = TillTap(service=record.service, token=token, at=now, expires=tap_tokens.ends(now))
        with self._changed:
            self._tap = tap
            self._changed.notify_all()

    def withdraw(self) -> None:
        """Whatever was not taken is not given any more."""
        with self._changed:
            self._tap = None

    def take(self, seconds: float) -> TillTap | NoTap:
        """The last accepted tap, as soon as there is one, for whoever asked last.

        A till that asks again has given its first request up, so that one must not swallow a tap.
        """
        with self._changed:
            self._asked += 1
            turn = self._asked
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._closed or self._asked != turn or self._is_good(), seconds
            )
            if self._asked != turn:
                return NoTap.ANOTHER_ASKED
            tap = self._tap if self._is_good() else None
            self._tap = None
            return tap or NoTap.NONE_CAME

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._tap = None
            self._changed.notify_all()

    def _is_good(self) -> bool:
        return self._tap is not None and self._clock() < self._tap.expires
