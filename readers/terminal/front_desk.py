"""A Gateway front desk: what was laid on its reader is told to the clerk whose browser it serves.

After the light, and never for it: a tap is decided and written down as anywhere else.
"""

import logging
from datetime import datetime
from typing import Final

from readers.card.apdu import run
from readers.card.channel import Channel
from readers.card.itso import read_bus_pass
from readers.contract.front_desk import BusPassSeen, DeskAnswer, HolderSeen, Seen
from readers.contract.reasons import Words
from readers.contract.record import Record
from readers.errors import CardRefused, ForeignCard, MalformedShell, ReadersError
from readers.terminal.display import Kind, Picture
from readers.terminal.errors import TerminalError
from readers.terminal.server import Server

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 3.0
"""The next card waits for it."""
_ASK: Final = "Please speak to a member of staff."

HOLDER: Final = {
    DeskAnswer.SHOWN: Picture(
        Kind.ACCEPTED, Words("Thank you", "A member of staff now sees your record."), "shown"
    ),
    DeskAnswer.NOBODY_THERE: Picture(
        Kind.FAULT, Words("Nobody is at this desk", f"Your card is good. {_ASK}"), "nobody-there"
    ),
    DeskAnswer.NOT_KNOWN: Picture(
        Kind.FAULT, Words("We did not find your record", _ASK), "not-known"
    ),
}
BUS_PASS: Final = {
    DeskAnswer.SHOWN: Picture(
        Kind.ACCEPTED, Words("Bus pass read, not verified", "A member of staff sees it."), "shown"
    ),
    DeskAnswer.NOBODY_THERE: Picture(
        Kind.FAULT, Words("Nobody is at this desk", _ASK), "nobody-there"
    ),
    DeskAnswer.NOT_KNOWN: Picture(
        Kind.FAULT, Words("We cannot use this bus pass", _ASK), "not-known"
    ),
}
NOT_TOLD: Final = Picture(
    Kind.FAULT, Words("We cannot open your record now", f"Your card is good. {_ASK}"), "not-told"
)
PASS_NOT_TOLD: Final = Picture(Kind.FAULT, Words("We cannot pass this on now", _ASK), "not-told")
PASS_MISREAD: Final = Picture(
    Kind.TRY_AGAIN, Words("Try again", "Hold the bus pass flat on the reader."), "misread"
)


def tell_holder(server: Server, record: Record, *, now: datetime) -> Picture:
    """Have the record of whoever tapped opened; what the screen says of it."""
    seen = HolderSeen(
        service=record.service, number=record.number, status_index=record.status_index
    )
    answer = _told(server, seen, now)
    return HOLDER[answer] if answer is not None else NOT_TOLD


def tell_bus_pass(server: Server, channel: Channel, *, now: datetime) -> Picture | None:
    """Read a card that is none of ours as a bus pass; None when it is no bus pass either."""
    try:
        read = run(read_bus_pass(), channel)
    except (ForeignCard, CardRefused):
        return None
    except MalformedShell as error:
        log.info("a bus pass was misread: %s", error)
        return PASS_MISREAD
    except ReadersError as error:
        log.info("a bus pass could not be read: %s", error.code)
        return PASS_MISREAD
    seen = BusPassSeen(isrn=read.isrn, expires_on=read.expires_on, blocked=read.blocked)
    answer = _told(server, seen, now)
    return BUS_PASS[answer] if answer is not None else PASS_NOT_TOLD


def _told(server: Server, seen: Seen, now: datetime) -> DeskAnswer | None:
    try:
        return server.tell_desk(seen, now=now, timeout=TIMEOUT_SECONDS).answer
    except TerminalError as error:
        log.warning("the desk was not told: %s: %s", error.code, error)
        return None
