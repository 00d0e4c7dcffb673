"""A terminal's process that is begun again in milliseconds, to be killed and begun again.

`python -m tests.support.lives_of_a_terminal SERVER STATE WITNESS` imports everything once. For each
line on its standard input it forks a terminal, which is whole: monitor, readers' threads, journal,
upload. A line is the seconds that its screen takes to come up. It answers with the process's id,
and, when that has ended, with the signal that ended it. Nothing is open when it forks.

WITNESS is a descriptor of a pipe to which the terminal writes the number of each answer in the
moment it is shown, so that somebody outside knows what was seen whatever becomes of the process.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from readers.pcsc.channel import connect
from readers.pcsc.monitor import Monitor
from readers.terminal.display import Picture
from readers.terminal.loop import Readers
from readers.terminal.parts import Terminal
from readers.terminal.settings import Settings
from tests.support.issuer import NOW

READY = b"ready\n"


class Witnessed(Terminal):
    """A terminal whose answers are seen from outside."""

    witness: int
    slowness: float
    answering = threading.local()

    def answer(self, picture: Picture, sequence: int) -> None:
        """See `Terminal.answer`."""
        self.answering.sequence = sequence
        super().answer(picture, sequence)

    def show(self, picture: Picture) -> None:
        """Show it, later than usual; an answer is witnessed in the same moment."""
        sequence = vars(self.answering).pop("sequence", None)
        if sequence is not None:
            time.sleep(self.slowness)
        super().show(picture)
        if sequence is not None:
            os.write(self.witness, f"{sequence} {picture.state}\n".encode())


def live(settings: Settings, witness: int, slowness: float) -> None:
    """Be a terminal until killed."""
    terminal = Witnessed(settings, clock=lambda: NOW)
    terminal.witness, terminal.slowness = witness, slowness
    readers = Readers(terminal, connect)
    terminal.sync.start()
    Monitor(readers.handle).start()
    os.write(witness, READY)
    signal.pause()


def main(server: str, state: str, witness: int) -> None:
    """Begin one life after another."""
    settings = Settings(server_url=server, state_dir=Path(state))
    for line in sys.stdin:
        slowness = float(line)
        child = os.fork()
        if child == 0:
            live(settings, witness, slowness)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
