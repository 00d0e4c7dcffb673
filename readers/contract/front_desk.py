"""What a Gateway front desk tells the server of a card laid on it, for the clerk it serves."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from readers.contract.record import Index, Number
from readers.contract.services import Service

FRONT_DESK_PATH: Final = "/api/terminal/front-desk"


class HolderSeen(msgspec.Struct, frozen=True, tag="holder", kw_only=True):
    """A card was accepted: the verified record it carried."""

    service: Service
    number: Number
    status_index: Index


class BusPassSeen(msgspec.Struct, frozen=True, tag="bus-pass", kw_only=True):
    """A bus pass of another issuer was read; nothing of it is verified.

    Attributes:
        isrn: 18 digits, whose last one fitted the others.
        expires_on: the shell's last day; None: it is not to expire.
        blocked: whether it is marked as blocked; None: it did not tell.
    """

    isrn: Annotated[str, Meta(pattern="^[0-9]{18}$")]
    expires_on: date | None = None
    blocked: bool | None = None


Seen = HolderSeen | BusPassSeen


class DeskAnswer(StrEnum):
    """What became of it."""

    SHOWN = "shown"
    NOBODY_THERE = "nobody-there"
    NOT_KNOWN = "not-known"


class SeenTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer.

    Attributes:
        answer: whether a clerk is shown it, nobody is paired with this terminal, or no holder in
            use has such a record.
    """

    answer: DeskAnswer
    server_time: datetime
