"""Names every fault of a terminal with its remedy, and changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Final

import msgspec

from readers.contract.reasons import Reason
from readers.errors import ReadersError, ReaderServiceDown
from readers.terminal.bundle import BundleView
from readers.terminal.clock import clock_problem
from readers.terminal.errors import (
    JournalFull,
    NotEnrolled,
    ServerNotUnderstood,
    ServerRefused,
    ServerUnreachable,
    StateUnusable,
    TerminalError,
    TillSecretUnusable,
)
from readers.terminal.holdings import Holdings
from readers.terminal.journal import look
from readers.terminal.loop import is_meant
from readers.terminal.server import Server
from readers.terminal.settings import Settings
from readers.terminal.state import State
from readers.terminal.till_secret import read_secret

ListReaders = Callable[[], Sequence[str]]
"""The PC/SC names of the readers there are; raises ReaderServiceDown or ReaderFault."""


class Level(IntEnum):
    """How grave a finding is; the gravest is the command's exit code."""

    OK = 0
    TO_DO = 1
    FAULT = 3


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        code: permanent, kebab-case.
        text: what was found, a sentence.
        remedy: what to do about it; empty if nothing.
    """

    level: Level
    code: str
    text: str
    remedy: str = ""


_START_PCSCD: Final = "Start pcscd (with systemd: systemctl start pcscd.socket)."
_SET_CLOCK: Final = "Set the clock of this machine, and let it follow a time server."
_GET_BUNDLE: Final = "Let kentcard-terminal run while the server can be reached."


def examine(
    settings: Settings, list_readers: ListReaders, *, now: datetime, server: Server | None = None
) -> list[Finding]:
    """Look at everything a terminal needs, whatever was found before.

    Args:
        settings: of the terminal.
        list_readers: from the PC/SC side.
        now: by this machine's clock.
        server: another way to reach it, for tests.
    """
    state = State(settings.state_dir)
    findings = [*_reader(settings, list_readers), *_till(settings), *_state(state)]
    try:
        holdings = Holdings(state)
    except (NotEnrolled, StateUnusable) as error:
        level = Level.TO_DO if isinstance(error, NotEnrolled) else Level.FAULT
        return [*findings, *_clock(now, None), Finding(level, error.code, str(error), error.remedy)]
    server = server or Server(settings.server_url, holdings.identity)
    try:
        findings += _server(server, now)
    finally:
        server.close()
    return [*findings, *_clock(now, holdings.server_time), *_bundle(settings, holdings, now)]


def _reader(settings: Settings, list_readers: ListReaders) -> Iterator[Finding]:
    try:
        readers = list_readers()
    except ReaderServiceDown:
        yield Finding(Level.FAULT, "pcscd-down", "pcscd is not running.", _START_PCSCD)
        return
    except ReadersError as error:
        yield Finding(
            Level.FAULT, "pcscd-fault", f"pcscd does not list readers: {error}.", "Restart pcscd."
        )
        return
    named = ", ".join(readers)
    if not readers:
        yield Finding(
            Level.FAULT, "no-reader", "There is no card reader.", "Plug one in and look again."
        )
    elif not any(is_meant(settings.reader, reader) for reader in readers):
        yield Finding(
            Level.FAULT,
            "reader-not-found",
            f"There is no reader {settings.reader!r}; there are: {named}.",
            "Correct the setting reader, or plug that reader in.",
        )
    else:
        yield Finding(Level.OK, "reader", f"Readers: {named}.")


def _till(settings: Settings) -> Iterator[Finding]:
    if settings.till_secret_file is None:
        return
    try:
        read_secret(settings.till_secret_file)
    except TillSecretUnusable as error:
        yield Finding(Level.FAULT, error.code, str(error), error.remedy)
    else:
        yield Finding(Level.OK, "till", f"The secret in {settings.till_secret_file} can be read.")


def _state(state: State) -> Iterator[Finding]:
    if not state.directory.exists():
        return  # not enrolled yet, which is found by itself
    try:
        state.prepare()
        if not state.journal.exists():
            yield Finding(Level.OK, "journal", "No tap was decided here yet.")
            return
        counts = look(state.journal)
    except JournalFull as error:
        yield Finding(Level.FAULT, "journal-full", str(error), error.remedy)
    except TerminalError as error:
        yield Finding(Level.FAULT, error.code, str(error), error.remedy)
    else:
        waiting = counts.taps - counts.uploaded
        yield Finding(Level.OK, "journal", f"{counts.taps} taps, {waiting} of them to be uploaded.")


def _server(server: Server, now: datetime) -> Iterator[Finding]:
    try:
        server.bundle(now=now)
    except (ServerUnreachable, ServerRefused, ServerNotUnderstood) as error:
        yield Finding(Level.FAULT, error.code, str(error), error.remedy)
    else:
        yield Finding(Level.OK, "server", f"{server.url} answers and knows this terminal.")


def _clock(now: datetime, server_time: datetime | None) -> Iterator[Finding]:
    problem = clock_problem(now, server_time=server_time)
    shown = now.isoformat(timespec="seconds")
    if problem is Reason.CLOCK_UNSET:
        yield Finding(
            Level.FAULT, problem, f"The clock shows {shown}: it was never set.", _SET_CLOCK
        )
    elif problem is not None and server_time is not None:
        last = server_time.isoformat(timespec="seconds")
        yield Finding(
            Level.FAULT, problem, f"The clock shows {shown}, the server said {last}.", _SET_CLOCK
        )
    else:
        yield Finding(Level.OK, "clock", f"The clock shows {shown}.")


def _bundle(settings: Settings, holdings: Holdings, now: datetime) -> Iterator[Finding]:
    bundle = holdings.bundle
    if bundle is None:
        yield Finding(Level.TO_DO, "bundle-missing", "There is no bundle yet.", _GET_BUNDLE)
        return
    if now >= bundle.expires_at:
        yield Finding(Level.TO_DO, "bundle-expired", "The bundle has expired.", _GET_BUNDLE)
    elif stale := _stale(bundle, now):
        text = f"The status list is too old for: {', '.join(stale)}."
        yield Finding(Level.TO_DO, "bundle-stale", text, _GET_BUNDLE)
    else:
        made = bundle.issued_at.isoformat(timespec="seconds")
        yield Finding(Level.OK, "bundle", f"Bundle of {made} for {bundle.name}, {bundle.place}.")
    if settings.service is not None and settings.service not in bundle.services:
        yield Finding(
            Level.FAULT,
            "service-not-given",
            f"The server gave this terminal no service {settings.service}.",
            f"Set service to one of: {', '.join(bundle.services) or 'none'}.",
        )
    said = holdings.set_up.product
    if settings.product is not None and said is not None and settings.product is not said:
        yield Finding(
            Level.TO_DO,
            "product-differs",
            f"This machine is set up as {settings.product}, and the server says {said}.",
            "Set both alike: product here, or kentcard terminal set at the server.",
        )
    if holdings.settings_refused:
        yield Finding(
            Level.TO_DO,
            "settings-refused",
            f"What the server set is not taken: {holdings.settings_refused}.",
            "Set it anew with kentcard terminal set.",
        )
    missing = [service for service in bundle.services if not holdings.keys.get(service)]
    if missing:
        text = f"No read key for: {', '.join(missing)}."
        yield Finding(Level.TO_DO, "read-keys-missing", text, _GET_BUNDLE)


def _stale(bundle: BundleView, now: datetime) -> list[str]:
    return [service for service, rules in bundle.services.items() if rules.is_old(now)]
