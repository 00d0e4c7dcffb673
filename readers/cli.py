"""``kentcard-terminal``: enrol, run and examine a terminal; read a bus pass.

The one place where the terminal meets PC/SC: it hands the monitor and the channel in.

Exit codes: 0 done or in order, 1 not yet or no, 2 wrong usage or settings, 3 a fault.
"""

import argparse
import getpass
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from readers.card.apdu import run
from readers.card.itso import NOT_VERIFIED, read_bus_pass
from readers.clock import Clock, clock_from_environment
from readers.contract.windows import london_date
from readers.errors import (
    ClockRefused,
    ForeignCard,
    MalformedShell,
    ReaderNotFound,
    ReadersError,
)
from readers.terminal.bus_pass import in_words
from readers.terminal.display import NO_READER
from readers.terminal.doctor import Level, examine
from readers.terminal.enrol import enrol
from readers.terminal.errors import (
    AlreadyEnrolled,
    CodeUnusable,
    KeyboardUnusable,
    NotEnrolled,
    ServerRefused,
    SettingsRefused,
    TerminalError,
    TillSecretUnusable,
)
from readers.terminal.journal import send_again
from readers.terminal.loop import Readers, is_meant
from readers.terminal.parts import Terminal
from readers.terminal.screen.server import Screen
from readers.terminal.server import Server
from readers.terminal.settings import Settings, read_settings
from readers.terminal.state import State

log = logging.getLogger(__name__)

DONE: Final = 0
NO: Final = 1
WRONG_USAGE: Final = 2
FAULT: Final = 3

_NOT_YET: Final = (NotEnrolled, AlreadyEnrolled, ServerRefused)
_MISUSED: Final = (
    SettingsRefused,
    CodeUnusable,
    ClockRefused,
    TillSecretUnusable,
    KeyboardUnusable,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = command_parser().parse_args(arguments)
    _log_plainly(options.verbose)
    try:
        settings = read_settings(os.environ, options.config)
        clock = clock_from_environment(os.environ, demo=settings.demo)
        return int(options.command(options, settings, clock))
    except SettingsRefused as refused:
        for fault in refused.faults:
            _complain(fault)
        return WRONG_USAGE
    except ReadersError as error:
        _complain(str(error))
        if isinstance(error, TerminalError):
            _complain(error.remedy)
        return _exit_code(error)


def command_parser() -> argparse.ArgumentParser:
    """Every command with its help."""
    parser = argparse.ArgumentParser(
        prog="kentcard-terminal",
        description="A terminal that reads Kent Cards and decides without the network.",
        epilog="Settings come from KENTCARD_TERMINAL_... in the environment, or from --config. "
        "Exit codes: 0 done, 1 no or not yet, 2 wrong usage, 3 a fault.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, metavar="FILE", help="settings as TOML")
    shared.add_argument("--verbose", action="store_true", help="log more")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    enrolling = commands.add_parser(
        "enrol", parents=[shared], help="make this machine a terminal, by a one-time code"
    )
    enrolling.add_argument(
        "--code", help="the code; better left out and typed, or piped in, when asked"
    )
    enrolling.add_argument(
        "--again", action="store_true", help="give an enrolled terminal a new key"
    )
    enrolling.add_argument("--json", action="store_true", help="answer as JSON")
    enrolling.set_defaults(command=_enrol)
    running = commands.add_parser("run", parents=[shared], help="read cards until stopped")
    running.set_defaults(command=_run)
    looking = commands.add_parser(
        "doctor", parents=[shared], help="name every fault, and what to do about it"
    )
    looking.add_argument("--json", action="store_true", help="answer as JSON")
    looking.set_defaults(command=_doctor)
    resending = commands.add_parser(
        "resend", parents=[shared], help="hand every tap that is kept over once more"
    )
    resending.add_argument("--json", action="store_true", help="answer as JSON")
    resending.set_defaults(command=_resend)
    passing = commands.add_parser(
        "bus-pass", parents=[shared], help="read the bus pass on the reader; nothing is verified"
    )
    passing.add_argument("--json", action="store_true", help="answer as JSON")
    passing.set_defaults(command=_bus_pass)
    return parser


def _enrol(options: argparse.Namespace, settings: Settings, _clock: Clock) -> int:
    server = Server(settings.server_url, None)
    try:
        code = options.code if options.code is not None else _ask_for_code()
        identity = enrol(State(settings.state_dir), server, code.strip(), again=options.again)
    finally:
        server.close()
    if options.json:
        _answer({"terminal_id": identity.terminal_id, "name": identity.name})
    else:
        _say(f"Enrolled as {identity.name} ({identity.terminal_id}).")
    return DONE


def _ask_for_code() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("One-time code: ")
    return sys.stdin.readline()


def _doctor(options: argparse.Namespace, settings: Settings, clock: Clock) -> int:
    findings = examine(settings, _list_readers, now=clock())
    worst = max(finding.level for finding in findings)
    if options.json:
        _answer({"ok": worst is Level.OK, "findings": findings})
        return int(worst)
    marks: Mapping[Level, str] = {Level.OK: "ok", Level.TO_DO: "to do", Level.FAULT: "FAULT"}
    for finding in findings:
        _say(f"{marks[finding.level]:>5}  {finding.text} {finding.remedy}".rstrip())
    return int(worst)


def _resend(options: argparse.Namespace, settings: Settings, _clock: Clock) -> int:
    taps = send_again(State(settings.state_dir).journal)
    if options.json:
        _answer({"taps": taps})
    else:
        _say(f"{taps} taps will be handed over again while `run` is in touch with the server.")
    return DONE


def _list_readers() -> Sequence[str]:
    from readers.pcsc.channel import pcsc_context, readers_of  # noqa: PLC0415  see _run

    with pcsc_context() as context:
        return readers_of(context)


def _bus_pass(options: argparse.Namespace, settings: Settings, clock: Clock) -> int:
    from readers.pcsc.channel import connect  # noqa: PLC0415  see _run

    meant = [reader for reader in _list_readers() if is_meant(settings.reader, reader)]
    if not meant:
        raise ReaderNotFound("There is no such reader.")
    try:
        with connect(meant[0]) as channel:
            read = run(read_bus_pass(), channel)
    except (ForeignCard, MalformedShell) as error:
        _complain(f"This is no bus pass that can be read here: {error}.")
        return NO
    if options.json:
        _answer({"status": NOT_VERIFIED, **msgspec.to_builtins(read)})
    else:
        _say(in_words(read, on=london_date(clock())))
    return DONE


def _run(_options: argparse.Namespace, settings: Settings, clock: Clock) -> int:
    # Here and not above: enrolling needs no PC/SC, and its library may be missing.
    from readers.pcsc.channel import connect  # noqa: PLC0415
    from readers.pcsc.monitor import Monitor  # noqa: PLC0415

    terminal = Terminal(settings, clock=clock)
    try:
        screen = _screen(terminal)
        readers = Readers(terminal, connect)
        monitor = Monitor(readers.handle)
        terminal.show(NO_READER)
        screen.start()
        terminal.sync.start()
        monitor.start()
        log.info("screen at http://localhost:%d", screen.port)
        _wait_for_the_end()
        log.info("stopping")
        monitor.stop()
        readers.stop()
        terminal.sync.stop()
        screen.stop()
    finally:
        terminal.close()
    return DONE


def _screen(terminal: Terminal) -> Screen:
    settings = terminal.settings
    switch = terminal.cut_network if settings.demo else None
    try:
        return Screen(
            terminal.board,
            settings.screen_port,
            cut_network=switch,
            show_code=terminal.show_code,
            counter=terminal.counter,
        )
    except OSError as error:
        raise SettingsRefused(
            [f"Port {settings.screen_port} for the screen cannot be used: {error.strerror}."]
        ) from error


def _wait_for_the_end() -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


def _exit_code(error: ReadersError) -> int:
    if isinstance(error, _MISUSED):
        return WRONG_USAGE
    return NO if isinstance(error, _NOT_YET) else FAULT


def _answer(content: object) -> None:
    _say(msgspec.json.format(msgspec.json.encode(content)).decode())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"kentcard-terminal: {text}\n")


def _log_plainly(verbose: bool) -> None:  # noqa: FBT001  the option itself
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s: %(message)s",
        stream=sys.stderr,
    )
    for name in ("httpx", "httpcore", "websockets"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
