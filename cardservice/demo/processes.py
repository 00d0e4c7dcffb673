"""Starting and stopping the demo's processes, each by its own pid and with its own log."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from cardservice.demo.report import StepFailed

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02


class Processes:
    """Child processes that end with the demo, in reverse order of their start.

    Args:
        directory: where ``NAME.log`` files go.
        environment: added to the environment of every child.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = {**os.environ, **environment}
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def run(self, command: Sequence[str], *, given: str = "", **environment: str) -> str:
        """Run a command to its end and answer what it printed.

        Raises:
            StepFailed: if it does not exit with 0; the text is its last line.
        """
        done = subprocess.run(
            command,
            input=given,
            text=True,
            capture_output=True,
            env={**self._environment, **environment},
            check=False,
        )
        if done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
            raise StepFailed(f"{' '.join(command[:3])} ended with {done.returncode}: {lines[-1]}")
        return done.stdout

    def start(self, name: str, command: Sequence[str], **environment: str) -> None:
        """Start a child; its output goes to ``NAME.log``."""
        with (self._directory / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environment, **environment},
            )
        self._running.append((name, child))

    def wait_for(self, name: str, url: str) -> None:
        """Wait until ``url`` answers.

        Raises:
            StepFailed: if the child ended, or did not answer in time; with the end of its log.
        """
        child = next(child for started, child in self._running if started == name)

        def answers() -> bool:
            if child.poll() is not None:
                raise StepFailed(f"{name} ended with {child.returncode}. {self._tail(name)}")
            try:
                return httpx.get(url, timeout=2).is_success
            except httpx.TransportError:
                return False

        try:
            wait_until(answers, f"{name} to answer at {url}", seconds=READY_SECONDS)
        except StepFailed as error:
            raise StepFailed(f"{error} {self._tail(name)}") from error

    def _tail(self, name: str) -> str:
        lines = (self._directory / f"{name}.log").read_text(errors="replace").splitlines()
        return " / ".join(lines[-5:])

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every child: first asked, then made to."""
        for _, child in reversed(self._running):
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_until(holds: Callable[[], bool], what: str, *, seconds: float = 10.0) -> None:
    """Poll until ``holds``.

    Raises:
        StepFailed: when it has not come true after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise StepFailed(f"waited {seconds:g} s in vain for {what}.")
        time.sleep(POLL_SECONDS)
