"""How every terminal is, as it says itself, and which of them need somebody to go there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import terminals
from cardservice.errors import NoSuchTerminal
from cardservice.models import Terminal
from cardservice.terminal_models import TerminalHealth
from cardservice.terminals import KnownTerminal
from readers.contract.health import HealthReport, ReaderState

SILENT_AFTER: Final = timedelta(minutes=15)
LISTS_OLD_AFTER: Final = timedelta(hours=24)
"""From which a service may refer people to staff (`hotlist.POLICIES`)."""
CLOCK_OFF: Final = timedelta(minutes=2)
MANY_TAPS: Final = 200
LONGEST_DRIFT: Final = 2**31 - 1


class Need(IntEnum):
    """What a terminal needs, the most urgent first."""

    VISIT = 0
    LOOK = 1
    NOTHING = 2
    OUT_OF_USE = 3


class Trouble(StrEnum):
    """What is wrong with a terminal."""

    NOT_HEARD_OF = "not-heard-of"
    NO_READER = "no-reader"
    READER_GONE = "reader-gone"
    READER_HANGS = "reader-hangs"
    CLOCK_WRONG = "clock-wrong"
    NO_BUNDLE = "no-bundle"
    LISTS_OLD = "lists-old"
    TAPS_WAITING = "taps-waiting"
    SETTINGS_REFUSED = "settings-refused"
    NEVER_REPORTED = "never-reported"
    NEVER_ENROLLED = "never-enrolled"
    REVOKED = "revoked"


NEEDS: Final = {
    Trouble.NOT_HEARD_OF: Need.VISIT,
    Trouble.NO_READER: Need.VISIT,
    Trouble.READER_GONE: Need.VISIT,
    Trouble.READER_HANGS: Need.VISIT,
    Trouble.CLOCK_WRONG: Need.VISIT,
    Trouble.NO_BUNDLE: Need.LOOK,
    Trouble.LISTS_OLD: Need.LOOK,
    Trouble.TAPS_WAITING: Need.LOOK,
    Trouble.SETTINGS_REFUSED: Need.LOOK,
    Trouble.NEVER_REPORTED: Need.LOOK,
    Trouble.NEVER_ENROLLED: Need.LOOK,
    Trouble.REVOKED: Need.OUT_OF_USE,
}
"""What each trouble asks for: one table, for the page and the command."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one terminal is.

    Attributes:
        report: what it last said; None: nothing ever.
        heard_at: when it was last heard of, in whatever way; None: never.
        clock_off: how far its clock ran ahead when it last said.
        troubles: what is wrong, the most urgent first.
    """

    terminal: Terminal
    report: HealthReport | None
    heard_at: datetime | None
    clock_off: timedelta
    troubles: tuple[Trouble, ...]

    @property
    def need(self) -> Need:
        """The most urgent of what it needs."""
        return min((NEEDS[trouble] for trouble in self.troubles), default=Need.NOTHING)


async def take(
    session: AsyncSession, terminal: KnownTerminal, report: HealthReport, *, now: datetime
) -> None:
    """Keep what a terminal says of itself in place of what it said before.

    Raises:
        VersionNotSpoken: it speaks no version of messages that this server does.
    """
    terminals.check_version(report.wire_version)
    off = int((report.at - now).total_seconds())
    await session.merge(
        TerminalHealth(
            terminal_id=terminal.id,
            received_at=now,
            clock_off_seconds=max(-LONGEST_DRIFT, min(off, LONGEST_DRIFT)),
            report=msgspec.to_builtins(report),
        )
    )


async def standings(session: AsyncSession, *, now: datetime) -> Sequence[Standing]:
    """Every terminal, those that need somebody first, then by name."""
    query = select(Terminal, TerminalHealth).outerjoin(
        TerminalHealth, TerminalHealth.terminal_id == Terminal.id
    )
    rows = (await session.execute(query)).all()
    found = [_standing(terminal, health, now) for terminal, health in rows]
    return sorted(found, key=lambda each: (each.need, each.terminal.name))


async def standing_of(session: AsyncSession, terminal_id: UUID, *, now: datetime) -> Standing:
    """One terminal.

    Raises:
        NoSuchTerminal: no terminal with that id.
    """
    terminal = await session.get(Terminal, terminal_id)
    if terminal is None:
        raise NoSuchTerminal("There is no such terminal.")
    return _standing(terminal, await session.get(TerminalHealth, terminal_id), now)


def _standing(terminal: Terminal, health: TerminalHealth | None, now: datetime) -> Standing:
    report = msgspec.convert(health.report, HealthReport) if health else None
    heard = [at for at in (terminal.last_seen_at, health.received_at if health else None) if at]
    heard_at = max(heard, default=None)
    off = timedelta(seconds=health.clock_off_seconds if health else 0)
    troubles = _troubles(terminal, report, heard_at, off, now)
    return Standing(
        terminal=terminal,
        report=report,
        heard_at=heard_at,
        clock_off=off,
        troubles=tuple(sorted(troubles, key=lambda each: NEEDS[each])),
    )


def _troubles(
    terminal: Terminal,
    report: HealthReport | None,
    heard_at: datetime | None,
    off: timedelta,
    now: datetime,
) -> list[Trouble]:
    if terminal.revoked_at is not None:
        return [Trouble.REVOKED]
    if terminal.public_key is None:
        return [Trouble.NEVER_ENROLLED]
    silent = [Trouble.NOT_HEARD_OF] if heard_at is None or now - heard_at >= SILENT_AFTER else []
    if report is None:
        return [*silent, Trouble.NEVER_REPORTED]
    return [*silent, *_said(report, off, now)]


def _said(report: HealthReport, off: timedelta, now: datetime) -> list[Trouble]:
    """What is wrong by its own words, whenever it said them."""
    states = {each.state for each in report.readers}
    found = {
        Trouble.NO_READER: not report.readers,
        Trouble.READER_GONE: ReaderState.GONE in states,
        Trouble.READER_HANGS: ReaderState.HANGS in states,
        Trouble.CLOCK_WRONG: abs(off) >= CLOCK_OFF,
        Trouble.NO_BUNDLE: report.bundle_at is None,
        Trouble.LISTS_OLD: report.lists_at is not None and now - report.lists_at >= LISTS_OLD_AFTER,
        Trouble.TAPS_WAITING: report.taps_waiting >= MANY_TAPS,
        Trouble.SETTINGS_REFUSED: bool(report.settings_refused),
    }
    return [trouble for trouble, is_so in found.items() if is_so]
