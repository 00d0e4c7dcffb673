"""How a terminal says it is: what an officer must know to send somebody there, and no tap."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

HEALTH_PATH: Final = "/api/terminal/health"
MOST_READERS: Final = 16

_Name = Annotated[str, Meta(max_length=128)]
_Instant = Annotated[datetime, Meta(tz=True)]


class ReaderState(StrEnum):
    """Whether a reader can be used."""

    READY = "ready"
    HANGS = "hangs"
    GONE = "gone"


class ReaderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One card reader of a terminal.

    Attributes:
        name: as PC/SC calls it.
        since: when it came into its state, by the terminal's clock.
    """

    name: _Name
    state: ReaderState
    since: _Instant


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a terminal is; `POST` of :data:`HEALTH_PATH`, signed as every request.

    Attributes:
        at: the terminal's own time, from which the server tells how far its clock is off.
        software: version of the terminal's software.
        wire_version: the newest version of messages that it speaks.
        product: what it works as, a value of `Product`.
        started_at: when it was started, by its own clock.
        readers: every reader it has seen since.
        taps_waiting: taps that the server has not confirmed.
        bundle_at: when its bundle was made; None without one.
        lists_at: when the oldest of its status lists was made; None without any.
        settings_refused: why it keeps older settings than the server's; empty: it has them.
    """

    at: _Instant
    software: Annotated[str, Meta(max_length=40)]
    wire_version: Annotated[int, Meta(ge=1, le=1000)]
    product: Annotated[str, Meta(max_length=32)]
    started_at: _Instant
    readers: Annotated[list[ReaderHealth], Meta(max_length=MOST_READERS)]
    taps_waiting: Annotated[int, Meta(ge=0, le=2**53)]
    bundle_at: _Instant | None = None
    lists_at: _Instant | None = None
    settings_refused: Annotated[str, Meta(max_length=200)] = ""


class HealthTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer to a report."""

    server_time: datetime
