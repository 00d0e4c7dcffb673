"""A reader under the name of a real one, a card of ours on it, and programs that are not ours.

``python -m tests.support.foreign DIRECTORY`` runs each command it is given on standard input (a
JSON list of lists of words) and prints what came as JSON. It runs in a mount namespace of its own,
as :func:`in_private_namespace` starts it, beside the pcscd of other tests.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from readers.card.channel import CardArrived
from readers.virtual.card import VirtualCard
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.fenced import unshare
from tests.support.pcsc import Watch
from tests.support.vpcd import enter_fresh_namespace

READER: Final = "ACS ACR122U PICC Interface"
"""libnfc's pcsc driver speaks to readers that it knows by name."""
UID: Final = bytes.fromhex("04A1B2C3D4E5F6")
SECONDS: Final = 30


class Came(msgspec.Struct, frozen=True):
    """What a program printed, and its exit status; 124 for one that was ended."""

    status: int
    output: str
    errors: str


def in_private_namespace(directory: Path, *commands: Sequence[str]) -> list[Came]:
    """Run commands beside the reader and card; what came of each, in order.

    Raises:
        RuntimeError: they could not be run; what was printed is in the text.
    """
    command = [sys.executable, "-m", "tests.support.foreign", str(directory)]
    result = subprocess.run(
        [*unshare("--net"), *command],
        input=json.dumps([list(each) for each in commands]),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return msgspec.json.decode(result.stdout, type=list[Came])


def _run(command: list[str]) -> Came:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            output, errors = program.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            output, errors = program.communicate()
            return Came(124, output, errors)
    return Came(program.returncode, output, errors)


def main(directory: Path) -> None:
    """Set the namespaces up, lay a card, run every command and print what came."""
    enter_fresh_namespace()
    commands = json.load(sys.stdin)
    with Pcscd([READER], directory) as pcscd:
        reader = pcscd.readers[0]
        plug = Plug(pcscd.socket_of(reader))
        with Watch().running(1) as watch:
            plug.insert(VirtualCard(UID))
            watch.until(CardArrived(reader))
            came = [_run(command) for command in commands]
            plug.remove()
    sys.stdout.write(msgspec.json.encode(came).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
