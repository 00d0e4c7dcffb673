"""A command at a terminal of its own, and somebody who reads it and types."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.patience import PATIENCE

_AT_ONCE = 4096


class Typist:
    """Sits at the terminal. `shown` is all that was on the screen."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process = process
        self._screen = screen
        self._read = 0
        self.shown = ""

    def answer(self, question: str, line: str) -> None:
        """Wait until it asks, and type a line."""
        while question not in self.shown[self._read :]:
            assert self._more(), f"it ended without asking for {question!r}: {self.shown}"
        self._read = len(self.shown)
        os.write(self._screen, f"{line}\n".encode())

    def ended(self) -> int:
        """Wait for the end; the exit status."""
        while self._more():
            pass
        return self._process.wait(PATIENCE)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], PATIENCE)
        assert ready, f"nothing more is shown: {self.shown}"
        try:
            data = os.read(self._screen, _AT_ONCE)
        except OSError:  # nobody is at the other end any more
            return False
        self.shown += data.decode()
        return bool(data)


@contextmanager
def at_a_terminal(environ: Mapping[str, str], *arguments: str) -> Iterator[Typist]:
    """Run `kentcard` with a terminal to itself."""
    screen, keyboard = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-m", "cardservice.cli", *arguments],
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        env={**os.environ, **environ},
    )
    os.close(keyboard)
    try:
        yield Typist(process, screen)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(screen)
