"""``kentcard-verify``: fetch keys and lists, check a code, serve the venue's page.

Exit codes: 0 yes or done, 1 no, 2 wrong usage, 3 a fault or nothing decided.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from readers.clock import Clock, clock_from_environment
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.wire import KENT
from readers.errors import ClockRefused, ReadersError
from readers.terminal.errors import SettingsRefused, TerminalError
from readers.terminal.settings import DEMO, MAX_PORT, server_url
from readers.verify import pictures
from readers.verify.checking import Answer, Verdict, without_code
from readers.verify.device import Device
from readers.verify.errors import NeverFetched, PinUnusable
from readers.verify.page import Page
from readers.verify.state import Venue, VenueState, default_directory, pinned_key

log = logging.getLogger(__name__)

DONE: Final = 0
NO: Final = 1
WRONG_USAGE: Final = 2
FAULT: Final = 3
PORT: Final = 8020
_EXITS: Final = {Verdict.YES: DONE, Verdict.NO: NO, Verdict.TRY_AGAIN: FAULT}
_MISUSED: Final = (SettingsRefused, PinUnusable, NeverFetched, ClockRefused)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = command_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        clock = clock_from_environment(os.environ, demo=os.environ.get(DEMO, "") == "1")
        state = VenueState(options.state or default_directory(os.environ))
        return int(options.command(options, state, clock))
    except ReadersError as error:
        _complain(str(error))
        if isinstance(error, TerminalError):
            _complain(error.remedy)
        return WRONG_USAGE if isinstance(error, _MISUSED) else FAULT


def command_parser() -> argparse.ArgumentParser:
    """Every command with its help."""
    parser = argparse.ArgumentParser(
        prog="kentcard-verify",
        description="Check the codes that residents show on their phones, without the network.",
        epilog="Exit codes: 0 yes or done, 1 no, 2 wrong usage, 3 a fault, or nothing decided.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--state", type=Path, metavar="DIR", help="where keys and lists are kept")
    shared.add_argument("--verbose", action="store_true", help="log more")
    checking = argparse.ArgumentParser(add_help=False)
    checking.add_argument(
        "--service", type=Service, choices=list(Service), help="what is checked here; else any"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fetching = commands.add_parser("fetch", parents=[shared], help="fetch public keys and lists")
    fetching.add_argument("--server", metavar="ADDRESS", help="the first time, and to change it")
    fetching.add_argument("--pin", metavar="KEY", help="the key to believe, with --server")
    fetching.add_argument("--authority", default=KENT, help="whose times of travel apply")
    fetching.set_defaults(command=_fetch)
    check = commands.add_parser("check", parents=[shared, checking], help="check one code")
    check.add_argument("code", help="its text, the path of a picture, or - for either on stdin")
    check.add_argument("--json", action="store_true", help="answer as JSON")
    check.set_defaults(command=_check)
    serve = commands.add_parser("serve", parents=[shared, checking], help="serve the page")
    serve.add_argument("--port", type=_port, default=PORT, help=f"on this machine only ({PORT})")
    serve.add_argument("--offline", action="store_true", help="fetch nothing meanwhile")
    serve.set_defaults(command=_serve)
    return parser


def _fetch(options: argparse.Namespace, state: VenueState, clock: Clock) -> int:
    if (options.server is None) != (options.pin is None):
        raise SettingsRefused(["Give --server and --pin together, or neither."])
    state.prepare()
    if options.server is not None:
        faults: list[str] = []
        address = server_url(options.server, faults)
        if faults:
            raise SettingsRefused(faults)
        pinned = dict(pinned_key(options.pin))
        state.keep_venue(Venue(server_url=address, authority=options.authority, pinned=pinned))
    device = Device(state, clock)
    device.fetch()
    words = device.state_in_words()
    _say(words.fetched)
    if words.warning:
        _complain(words.warning)
    return DONE


def _check(options: argparse.Namespace, state: VenueState, clock: Clock) -> int:
    device = Device(state, clock, service=options.service)
    code = _code_of(options.code)
    answer = without_code(code) if isinstance(code, Reason) else device.check(code)
    if options.json:
        _say(msgspec.json.encode(answer).decode())
    else:
        _say(_in_words(answer))
        _say(device.state_in_words().fetched)
    return _EXITS[answer.verdict]


def _code_of(given: str) -> str | Reason:
    """The text that was given, or that of the code in a picture."""
    if given == "-":
        data = sys.stdin.buffer.read(pictures.MAX_BYTES + 1)
        if pictures.looks_like_picture(data):
            return pictures.code_in(data)
        return data.decode("utf-8", "replace") or Reason.NO_CODE
    path = Path(given)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return pictures.code_in(file.read(pictures.MAX_BYTES + 1))
    except OSError as error:
        log.info("%s: %s", given, error.strerror)  # a text that is too long for a name is a text
    return given


def _serve(options: argparse.Namespace, state: VenueState, clock: Clock) -> int:
    device = Device(state, clock, service=options.service)
    try:
        page = Page(device, options.port)
    except OSError as error:
        raise SettingsRefused([f"Port {options.port} cannot be used: {error.strerror}."]) from error
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    page.start()
    if not options.offline:
        device.start()
    _say(f"Open http://localhost:{page.port} in a browser on this machine.")
    ended.wait()
    page.stop()
    device.stop()
    return DONE


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {MAX_PORT}")
    return int(text)


def _in_words(answer: Answer) -> str:
    word = {Verdict.YES: "Yes", Verdict.NO: "No", Verdict.TRY_AGAIN: "Try again"}[answer.verdict]
    return " ".join(filter(None, (f"{word}: {answer.title}.", answer.advice)))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"kentcard-verify: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
