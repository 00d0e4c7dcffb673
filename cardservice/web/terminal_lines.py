"""Terminals in the words of a page: what each needs, why, and what it said of itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from cardservice.terminal_health import Need, Standing, Trouble
from cardservice.web.words import gettext as _
from readers.contract.health import ReaderHealth, ReaderState
from readers.contract.products import PRODUCT_WORDS, Product

NEED_WORDS: Final[Mapping[Need, tuple[str, str]]] = {
    Need.VISIT: (_("Needs a visit"), "red"),
    Need.LOOK: (_("Needs a look"), "yellow"),
    Need.NOTHING: (_("In order"), "green"),
    Need.OUT_OF_USE: (_("Not in use"), "grey"),
}
"""What a terminal needs -> how the page says it, and the colour beside the words."""

TROUBLE_WORDS: Final[Mapping[Trouble, str]] = {
    Trouble.NOT_HEARD_OF: _("It is silent. Is it switched on, and is its network there?"),
    Trouble.NO_READER: _("It sees no card reader. Plug one in."),
    Trouble.READER_GONE: _("A card reader is gone. Plug it in again, or put another in its place."),
    Trouble.READER_HANGS: _("A card reader does not answer. Unplug it and plug it in again."),
    Trouble.CLOCK_WRONG: _("Its clock is wrong. Set it, and let it follow a time server."),
    Trouble.NO_BUNDLE: _("It has no bundle and refuses to decide. Its log says why."),
    Trouble.LISTS_OLD: _("Its lists of cards to refuse are more than a day old."),
    Trouble.TAPS_WAITING: _("Many taps wait to be sent. They are kept there and are not lost."),
    Trouble.SETTINGS_REFUSED: _("It did not take what was set for it, and goes on as before."),
    Trouble.NEVER_REPORTED: _("It has never said how it is: its software may be older."),
    Trouble.NEVER_ENROLLED: _("No machine has used its code yet."),
    Trouble.REVOKED: _("It was revoked. Nothing is taken from it or given to it."),
}


class ReaderLine(msgspec.Struct, frozen=True):
    """One card reader: its name, its state in words, and since when."""

    name: str
    state: str
    since: datetime


class TerminalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One terminal.

    Attributes:
        need: how urgent, in words.
        colour: of the tag beside them.
        why: sentences; empty when it is in order.
        heard_at: when it was last heard of; None: never.
        is_silent: whether that is too long ago.
        readers: each with its state in words.
        facts: what else it said, as pairs of name and value; empty when it said nothing.
    """

    name: str
    place: str
    product: str
    need: str
    colour: str
    why: tuple[str, ...]
    heard_at: datetime | None
    is_silent: bool
    readers: tuple[ReaderLine, ...]
    facts: tuple[tuple[str, str | datetime | None], ...]


def terminal_line(standing: Standing) -> TerminalLine:
    """A terminal as the page shows it."""
    need, colour = NEED_WORDS[standing.need]
    report, troubles = standing.report, standing.troubles
    return TerminalLine(
        name=standing.terminal.name,
        place=standing.terminal.place,
        product=_product(report.product) if report else _("Product not known"),
        need=need,
        colour=colour,
        why=tuple(TROUBLE_WORDS[trouble] for trouble in troubles),
        heard_at=standing.heard_at,
        is_silent=Trouble.NOT_HEARD_OF in troubles,
        readers=tuple(map(_reader, report.readers)) if report else (),
        facts=_facts(standing),
    )


def _facts(standing: Standing) -> tuple[tuple[str, str | datetime | None], ...]:
    report = standing.report
    if report is None:
        return ()
    return (
        (_("Taps to send"), str(report.taps_waiting)),
        (_("Bundle made"), report.bundle_at),
        (_("Oldest list made"), report.lists_at),
        (_("Clock"), _clock(int(standing.clock_off.total_seconds()))),
        (_("Software"), report.software),
        (_("Running since"), report.started_at),
    )


def _clock(seconds: int) -> str:
    if not seconds:
        return _("Right to the second")
    words = _("%(count)s seconds ahead") if seconds > 0 else _("%(count)s seconds behind")
    return words % {"count": abs(seconds)}


def _reader(reader: ReaderHealth) -> ReaderLine:
    words = {
        ReaderState.READY: _("Ready"),
        ReaderState.HANGS: _("Does not answer"),
        ReaderState.GONE: _("Gone"),
    }
    return ReaderLine(reader.name, words[reader.state], reader.since)


def _product(value: str) -> str:
    """In words; a product of a newer terminal is named as it names itself."""
    known = next((each for each in Product if each.value == value), None)
    return PRODUCT_WORDS[known] if known else value
