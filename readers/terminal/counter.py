"""What stands beside the terminal and is told of accepted taps: what its product has, no more."""

import logging
from datetime import datetime

from readers.clock import Clock
from readers.contract.products import Product
from readers.contract.record import Record
from readers.contract.services import Service
from readers.terminal.keyboard import Keyboard
from readers.terminal.patrons import Patrons, patron_of
from readers.terminal.settings import Settings
from readers.terminal.state import Identity
from readers.terminal.till import Till
from readers.terminal.till_secret import read_secret

log = logging.getLogger(__name__)


class Counter:
    """The till, the library's software and the keyboard of one terminal.

    Args:
        settings: which of them there are.
        identity: whose key signs tokens for a till.
        clock: answers ``now``.

    Attributes:
        till: told of accepted taps, unless this is a kiosk; None without a secret.
        patrons: told of accepted library cards, if this is a kiosk; None without a secret.

    Raises:
        TillSecretUnusable: a secret was set, and cannot be used.
        KeyboardUnusable: a keyboard was set, and the machine has none to give.
    """

    def __init__(self, settings: Settings, identity: Identity, clock: Clock) -> None:
        secret = read_secret(settings.till_secret_file) if settings.till_secret_file else None
        self.till = Till(identity, secret, clock) if secret else None
        self.patrons = Patrons(secret) if secret else None
        self._keyboard = Keyboard.open() if settings.keyboard else None

    def tapped(self, record: Record, product: Product, *, now: datetime) -> None:
        """A tap at `now` was accepted by this record, after the light."""
        if product is not Product.LIBRARY_KIOSK:
            if self.till is not None:
                self.till.tapped(record, now=now)
            return
        if self.patrons is not None:
            self.patrons.tapped(record, now=now)
        if self._keyboard is not None and record.service is Service.LIBRARY:
            try:
                self._keyboard.type(patron_of(record, now=now).number)
            except OSError as error:
                log.warning("the keyboard is gone: %s", error.strerror)

    def card_came(self) -> None:
        """Whoever tapped before is not at the counter any more."""
        if self.till is not None:
            self.till.withdraw()

    def close(self) -> None:
        """Let nobody wait any longer."""
        if self.till is not None:
            self.till.close()
        if self.patrons is not None:
            self.patrons.close()
        if self._keyboard is not None:
            self._keyboard.close()
