"""A stand of virtual readers: runs a command beside a pcscd and a tray of its own.

``python -m readers.virtual.stand --directory var/stand --reader "Kent desk" -- COMMAND ...``

The command finds the readers' PC/SC names, one a line, in ``KENT_STAND_READERS`` and the tray's
address in ``KENT_STAND_TRAY``. pcscd and tray end when it ends; its exit status is ours.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from readers.errors import ReadersError
from readers.virtual.namespace import enter_private_namespace
from readers.virtual.pcscd import Pcscd
from readers.virtual.tray import HOST

READERS: Final = "KENT_STAND_READERS"
TRAY: Final = "KENT_STAND_TRAY"
FAULT: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status, or 3 when the readers cannot be set up."""
    parser = argparse.ArgumentParser(
        prog="python -m readers.virtual.stand", description="Run a command with virtual readers."
    )
    parser.add_argument("--directory", type=Path, required=True, help="for driver, log and cards")
    parser.add_argument("--reader", action="append", required=True, metavar="NAME")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    try:
        enter_private_namespace(anew=True)
        with Pcscd(asked.reader, asked.directory) as pcscd:
            return _run(pcscd, asked.directory, asked.reader, asked.command)
    except (ReadersError, OSError) as error:
        sys.stderr.write(f"virtual readers: {error}\n")
        return FAULT


def _run(pcscd: Pcscd, directory: Path, names: Sequence[str], command: Sequence[str]) -> int:
    port = _free_port()
    tray = [sys.executable, "-m", "readers.virtual.tray", "--port", str(port)]
    tray += ["--directory", str(directory / "cards")]
    for name in names:
        tray += ["--reader", f"{name}={pcscd.socket_of(name)}"]
    told = {READERS: "\n".join(pcscd.readers), TRAY: f"http://localhost:{port}"}
    with (directory / "tray.log").open("ab") as log:
        served = subprocess.Popen(tray, stdout=log, stderr=log)
        try:
            played = subprocess.Popen(command, env={**os.environ, **told})
            _pass_signals_to(played)
            return played.wait()
        finally:
            served.terminate()
            served.wait()


def _pass_signals_to(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM goes to the command; a Ctrl-C reaches it by itself, and we stay until it ends."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
