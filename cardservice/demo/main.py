"""``kentcard demo``: sets everything up from nothing, plays the story, and stays up."""

import argparse
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cardservice.demo.people import Clerk
from cardservice.demo.processes import Processes
from cardservice.demo.report import Report, StepFailed
from cardservice.demo.setting import OPENING, READERS, Setting
from cardservice.demo.story import ACTS, play
from readers.clock import set_demo_clock

TRAY: Final = "KENT_STAND_TRAY"
PCSC_NAMES: Final = "KENT_STAND_READERS"
DONE, NOT_AS_EXPECTED, FAULT = 0, 1, 3
STOPPED = 130
"""What a shell reports for a program that Ctrl-C ended."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``kentcard demo``."""
    parser.add_argument("--once", action="store_true", help="play the story and exit")
    parser.add_argument(
        "--directory", type=Path, default=Path("var/demo"), help="made anew at every start"
    )
    parser.add_argument("--port", type=int, default=8000, help="of the server (0: any free one)")
    parser.add_argument("--database-url", default="", help="instead of SQLite in the directory")
    parser.add_argument(
        "--leave-out", choices=ACTS, help="leave one act out, to see the demo notice"
    )


def run(asked: argparse.Namespace) -> int:
    """Play; 0 only if every step came as expected."""
    if TRAY not in os.environ:
        return _on_a_stand(asked)
    for which in (signal.SIGINT, signal.SIGTERM):  # either way, our processes end with us
        signal.signal(which, signal.default_int_handler)
    try:
        return _play(asked)
    except KeyboardInterrupt:
        sys.stdout.write("\nStopped.\n")
        return STOPPED
    except StepFailed as error:
        sys.stderr.write(f"demo: {error}\n")
        return FAULT


def _on_a_stand(asked: argparse.Namespace) -> int:
    """Start again beside virtual readers: the server may not import them, so they are a process."""
    shutil.rmtree(asked.directory, ignore_errors=True)
    asked.directory.mkdir(parents=True)
    command = [sys.executable, "-m", "readers.virtual.stand"]
    command += ["--directory", str(asked.directory / "stand")]
    for reader in READERS:
        command += ["--reader", reader.name]
    sys.stdout.flush()
    again = [sys.executable, "-m", "cardservice.demo.main", *_as_arguments(asked)]
    os.execv(sys.executable, [*command, "--", *again])  # noqa: S606  our own interpreter and modules


def _as_arguments(asked: argparse.Namespace) -> list[str]:
    arguments = ["--directory", str(asked.directory), "--port", str(asked.port)]
    arguments += ["--database-url", asked.database_url]
    arguments += ["--once"] if asked.once else []
    return arguments + (["--leave-out", asked.leave_out] if asked.leave_out else [])


def _play(asked: argparse.Namespace) -> int:
    report = Report()
    directory = asked.directory.resolve()
    clock = directory / "clock"
    set_demo_clock(clock, OPENING)
    setting = Setting(
        directory=directory,
        clock=clock,
        port=asked.port or free_port(),
        database_url=asked.database_url or f"sqlite:///{directory}/kentcard.db",
        tray_url=os.environ[TRAY],
        pcsc_names=os.environ[PCSC_NAMES].splitlines(),
    )
    with Processes(directory, setting.environment()) as processes:
        report.note("Setting up: keys, database, staff, server, three terminals …")
        stage = setting.set_up(processes)
        clerk = play(report, stage, setting, leave_out=asked.leave_out)
        report.note(f"\n{report.total()}")
        if not asked.once:
            _stay(report, setting, clerk)
    return NOT_AS_EXPECTED if report.not_as_expected else DONE


def _stay(report: Report, setting: Setting, clerk: Clerk) -> None:
    """Say what to try, and wait for Ctrl-C."""
    report.note(setting.invitation(clerk.recovery_codes))
    signal.pause()


def free_port() -> int:
    """A port nobody uses at this moment, on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: Sequence[str] | None = None) -> int:
    """The demo by itself, as the stand starts it."""
    parser = argparse.ArgumentParser(prog="kentcard demo", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
